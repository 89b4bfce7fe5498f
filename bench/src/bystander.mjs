/**
 * A process that has nothing to do but to be woken every 10 ms, with the loop monitor loaded: how long
 * it stands still is what the machine did to everybody, not what any system did to itself.
 */
setInterval(() => undefined, 10);
process.once("disconnect", () => process.exit(0));
