// An emulated machine does everything several times slower (npm run test:kernels). What a test there calls late, and what it
// allows a measurement to be off, is longer by this factor; it changes nothing else.
export const SLOWER_BY = Number(process.env["TESTS_SLOWER_BY"] ?? 1);
