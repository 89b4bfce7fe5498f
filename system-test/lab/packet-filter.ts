/**
 * What becomes of the packets that a host sends, as a classic BPF program for `tc`'s direct action.
 * Written by hand because the kernels that tests run on often lack the other means (`netem`, `gact`);
 * this one needs `cls_bpf` alone.
 */

/** What happens to packets to one address; to all others nothing does. */
export interface PacketFate {
  /** Dotted, as in 10.77.0.2. */
  readonly to: string;
  /** Share of the packets that vanish: 1 is a cut, 0 is none. */
  readonly lost: number;
}

interface Instruction {
  readonly code: number;
  /** Instructions to skip when a comparison holds, and when it does not. */
  readonly yes?: number;
  readonly no?: number;
  readonly operand: number;
}

const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const IF_EQUAL = 0x15;
const IF_AT_LEAST = 0x35;
const RETURN = 0x06;

const TYPE_OFFSET = 12;
const DESTINATION_OFFSET = 30;
const IPV4 = 0x0800;
/** Reading there gives a random number instead of a byte of the packet (SKF_AD_OFF + SKF_AD_RANDOM). */
const RANDOM_OFFSET = 0xfffff038;

const PASS: Instruction = { code: RETURN, operand: 0 };
const DROP: Instruction = { code: RETURN, operand: 2 };

/** The program in `tc`'s notation. What is no IPv4, such as the search for an address, always passes. */
export function packetFilter(fates: readonly PacketFate[]): string {
  const program = [
    { code: LOAD_HALF, operand: TYPE_OFFSET },
    { code: IF_EQUAL, yes: 1, no: 0, operand: IPV4 },
    PASS,
    ...fates.filter((fate) => fate.lost > 0).flatMap(judge),
    PASS,
  ];
  const lines = program.map(
    ({ code, yes = 0, no = 0, operand }: Instruction) => `${code} ${yes} ${no} ${operand}`,
  );
  return `${program.length},${lines.join(",")}`;
}

function judge({ to, lost }: PacketFate): Instruction[] {
  const verdict: readonly Instruction[] =
    lost >= 1
      ? [DROP]
      : [
          { code: LOAD_WORD, operand: RANDOM_OFFSET },
          { code: IF_AT_LEAST, yes: 1, no: 0, operand: Math.round(lost * 0xffff_ffff) },
          DROP,
          PASS,
        ];
  return [
    { code: LOAD_WORD, operand: DESTINATION_OFFSET },
    { code: IF_EQUAL, yes: 0, no: verdict.length, operand: numberOf(to) },
    ...verdict,
  ];
}

function numberOf(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
