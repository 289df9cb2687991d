/** Vite's way to ask for the address of a file. */
declare module '*?url' {
  const address: string;
  export default address;
}
