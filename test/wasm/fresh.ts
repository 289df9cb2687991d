/** For tests of fits in the second module: an entry of their own, and a look at instances. */

import { vi } from 'vitest';

export const RANKS = { loss: 'neighbours', bits: 16, epochs: 2, seed: 3 } as const;

/** An entry nobody has loaded yet. */
export async function fresh(): Promise<typeof import('../../ts/browser/index.js')> {
  vi.resetModules();
  return import('../../ts/browser/index.js');
}

/** While `work` is under way, `seen` gets every instance that is made, and may give another. */
export async function watching(
  seen: (instance: WebAssembly.Instance) => WebAssembly.Instance,
  work: () => Promise<void>,
): Promise<void> {
  const { instantiate } = WebAssembly;
  const watched = async (...args: [WebAssembly.Module, WebAssembly.Imports]) =>
    seen(await instantiate(...args));
  WebAssembly.instantiate = watched as typeof instantiate;
  try {
    await work();
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}

/** {@link watching} with some exports of every instance replaced; each is given the one that it stands for. */
export function replacing(
  replaced: Record<string, (real: (...args: unknown[]) => unknown, ...args: unknown[]) => unknown>,
  work: () => Promise<void>,
): Promise<void> {
  const seen = ({ exports }: WebAssembly.Instance) => {
    const own = Object.entries(replaced).map(([name, by]) => {
      const real = exports[name] as (...args: unknown[]) => unknown;
      return [name, (...args: unknown[]) => by(real, ...args)];
    });
    return { exports: { ...exports, ...Object.fromEntries(own) } };
  };
  return watching(seen, work);
}
