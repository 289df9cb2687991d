// The plain read of as much memory as the codes take, by one thread: what a scan of them is held against.
import { createInterface } from 'node:readline';
import { measureHamming } from '../../dist/node/index.js';

const [bits, rows] = process.argv.slice(2).map(Number);
for await (const _ of createInterface({ input: process.stdin })) {
  const measured = await measureHamming({
    bits: bits ?? 0,
    rows: rows ?? 0,
    queries: 1,
    k: 1,
    threads: 1,
    rounds: 3,
  });
  // Each call makes codes of its own; their bytes do not matter to a read.
  globalThis.gc?.();
  console.log(JSON.stringify({ bytesPerSecond: measured.memoryReadBytesPerSecond }));
}
