/**
 * What wasm-bindgen makes (wasm/whole). Where it was made, TypeScript reads its own types
 * instead, and compares them with ts/wasm/exports.ts; where not, this lets everything else compile.
 */
declare module '*/h2q.js' {
  export function initSync(source: { module: BufferSource | WebAssembly.Module }): {
    readonly memory: WebAssembly.Memory;
  };
  export default function init(source: {
    module_or_path: Response | BufferSource | WebAssembly.Module;
  }): Promise<{ readonly memory: WebAssembly.Memory }>;
}

/** What scripts/lib/wasm-shrink.mjs makes of the glue of wasm/neighbours: `FitGlue` of ts/wasm/neighbours-module.ts. */
declare module '*/factory.js' {
  export function create(): unknown;
}
