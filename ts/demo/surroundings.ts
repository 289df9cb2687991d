/** What the demo needs of Node itself: the machine's description and the files of the plotting library. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, cpus, platform as system } from 'node:os';
import type { BackendInfo } from '../backend.js';
import type { Environment } from './report.js';

/** The machine and versions of this run; `threads` 0 stands for all of the machine's. */
export function describeEnvironment(info: BackendInfo, threads: number): Environment {
  return {
    version: info.version,
    backend: info.backend,
    simd: info.simd,
    threads: threads || info.threads,
    cpu: cpus()[0]?.model.trim() || 'unknown processor',
    platform: `${system()} ${arch()}`,
    node: process.versions.node,
    date: new Date().toISOString(),
  };
}

/** uPlot's build for a script element, and its style sheet. */
export async function readPlotLibrary(): Promise<{ plotScript: string; plotStyle: string }> {
  const { resolve } = createRequire(import.meta.url);
  const [plotScript, plotStyle] = await Promise.all(
    ['uplot/dist/uPlot.iife.min.js', 'uplot/dist/uPlot.min.css'].map((file) =>
      readFile(resolve(file), 'utf8'),
    ),
  );
  return { plotScript: plotScript as string, plotStyle: plotStyle as string };
}
