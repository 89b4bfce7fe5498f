/**
 * The whole cluster in one process under virtual time, with a network and disks that misbehave. A program
 * (`main.ts`), not a library: it exports nothing.
 */
export {};
