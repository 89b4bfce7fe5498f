/** Nominal types, as in the base package, which this published package does not depend on. */
declare const brand: unique symbol;

/** `T` with a name that the type checker tells apart from every other brand. Costs nothing at run time. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
