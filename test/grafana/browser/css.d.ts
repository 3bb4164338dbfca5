// A style sheet as its text, as the bundle is told to load it.
declare module "*.css" {
  const text: string;
  export default text;
}
