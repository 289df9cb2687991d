// Writes head.ts: `node test/conformance/make-head.mjs`, with the native addon and dist built.
import { writeFileSync } from 'node:fs';
import { learnSync } from '../../dist/node/index.js';

let state = 7;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const columns = 64;
const labels = Uint8Array.from({ length: 300 }, (_, row) => row % 3);
const data = Float32Array.from({ length: 300 * columns }, (_, i) => {
  const [row, column] = [Math.floor(i / columns), i % columns];
  return random() - 0.5 + (column % 3 === labels[row] ? 0.3 : 0);
});
const { model } = learnSync({ data, columns }, { labels, bits: 16, hidden: [8], epochs: 3, seed: 1 });
const lines =
  Buffer.from(model.toBytes())
    .toString('base64')
    .match(/.{1,100}/g) ?? [];
writeFileSync(
  new URL('head.ts', import.meta.url),
  `/** A model of \`learn\`, 64 dimensions to 8 to 16, made by make-head.mjs: only the native addon learns. */
export const HEAD = Uint8Array.from(
  atob(
    [
${lines.map((line) => `      '${line}',\n`).join('')}    ].join(''),
  ),
  (character) => character.charCodeAt(0),
);
`,
);
