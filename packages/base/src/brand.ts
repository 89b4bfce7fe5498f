/** Nominal types: a `Brand<number, "Term">` is a number that only a constructor of terms makes. */
declare const brand: unique symbol;

/** `T` with a name that the type checker tells apart from every other brand. Costs nothing at run time. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
