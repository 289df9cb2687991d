/** What the documents show works: their code is run, their commands are known. */

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../scripts/lib/root.mjs';
import { npyHeader } from '../../ts/io/npy.js';
import { randomValues } from '../cli/h2q.js';
import { hasNetworks, PICTURE_NETWORK, TEXT_NETWORK, WITHOUT_NETWORKS } from '../embed/networks.js';
import { concat } from '../io/memory.js';
import { hasWasm, WITHOUT_WASM } from '../wasm.js';
import { type Block, blocksOf, docsFolder, readDocument } from './documents.js';

/** Blocks that nothing runs: the document, how the block begins, and why. */
const NOT_RUN: Record<string, Record<string, string>> = {
  'docs/browser.md': {
    ' page (main thread)': 'a drawing',
    '// worker.js': 'two files for a bundler',
  },
  'docs/embedding.md': {
    'npm install @huggingface/transformers':
      'it is installed already; test/embed/failures.test.ts reads the same',
    '{\n  "do_resize"': 'test/embed/embed.test.ts has such a file',
  },
  'docs/evaluation.md': {
    'A(x)    = x/s': 'formulas; crates/core/tests/evaluate_expected.rs checks them',
  },
  'docs/fuzzing.md': {
    'npm run fuzz -- --minutes 60':
      'hours; test/scripts/fuzz.test.ts looks at the targets, npm test runs them',
  },
  'docs/kernels.md': {
    'for each step of': 'pseudo-code of crates/kernels/src/hamming/scan.rs',
  },
  'docs/reranking.md': {
    '⟨z, row⟩ ≈': 'formulas; crates/core/tests/rerank_codes.rs checks them',
  },
};

const { name, scripts, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const run = promisify(execFile);

const DOCUMENTS = ['README.md', ...docsFolder()];

describe.each(DOCUMENTS)('%s', (document) => {
  const text = readDocument(document);
  const listed = Object.keys(NOT_RUN[document] ?? {});
  const beginningOf = (block: Block) => listed.find((beginning) => block.text.startsWith(beginning));
  const blocks = blocksOf(text);

  // One folder for all of a document: later blocks use the files of earlier ones.
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'h2q-docs-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules', name), 'junction');
    writeFileSync(join(folder, 'embeddings.npy'), concat(npyHeader('f4', [200, 16]), randomValues(3200, 1)));
    if (text.includes('h2q embed ')) writePictures(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  for (const block of blocks.filter((block) => beginningOf(block) === undefined)) {
    it(`line ${block.line} (${block.language || 'no language'})`, ({ skip }) => {
      if (/'h2q\/(browser|search)'/.test(block.text) && !hasWasm) skip(WITHOUT_WASM);
      if (/h2q(\/| )embed/.test(block.text) && !hasNetworks) skip(WITHOUT_NETWORKS);
      return runBlock(block, folder);
    });
  }

  it('every block that is listed as not run is there, once', () => {
    const found = blocks.map(beginningOf).filter((beginning) => beginning !== undefined);
    expect(found.sort()).toEqual(listed.sort());
  });

  it('every npm script that the text names exists', () => {
    const named = [...text.matchAll(/npm run (?:--\S+ )*([\w:-]+)/g)].map((match) => match[1] as string);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});

it('every document in the list of blocks not run exists', () => {
  expect(Object.keys(NOT_RUN).filter((document) => !DOCUMENTS.includes(document))).toEqual([]);
});

/** What the commands about pictures read: as many as 64 bits need, and the networks. */
function writePictures(folder: string): void {
  mkdirSync(join(folder, 'photos'));
  const picture = (seed: number) => {
    const data = Uint8Array.from(randomValues(16 * 16 * 3, seed), (value) => 128 + 16 * value);
    return encode({ width: 16, height: 16, data, channels: 3, depth: 8 });
  };
  for (let i = 0; i < 80; i++) writeFileSync(join(folder, `photos/${i}.png`), picture(i));
  writeFileSync(join(folder, 'query.png'), picture(1));
  symlinkSync(PICTURE_NETWORK, join(folder, 'efficientnet-lite0'), 'junction');
  symlinkSync(TEXT_NETWORK, join(folder, 'all-MiniLM-L6-v2'), 'junction');
}

async function runBlock({ language, text, line }: Block, folder: string): Promise<void> {
  if (language === 'js') await runModule(text, `line-${line}.mjs`, folder);
  else if (language === 'sh') for (const command of text.split('\n')) await runCommand(command, folder);
  else throw new Error(`nothing runs blocks of ${language || 'no language'}: list this one in NOT_RUN`);
}

async function runModule(code: string, file: string, folder: string): Promise<void> {
  writeFileSync(join(folder, file), code);
  const { stderr } = await run(process.execPath, [file], { cwd: folder });
  expect(stderr).toBe('');
}

/** Runs a line of h2q; of npm's, checks that it names what is there. */
async function runCommand(command: string, folder: string): Promise<void> {
  // Run without a shell, so that the same line works everywhere.
  if (/["'$`|<>&;\\*#]/.test(command)) throw new Error(`${command}: needs a shell`);
  const [program, ...words] = command.trim().split(/ +/);
  if (program === 'h2q') await run(process.execPath, [join(root, bin.h2q), ...words], { cwd: folder });
  else if (program === 'npm') checkNpm(words);
  else if (program !== '') throw new Error(`${command}: neither h2q nor npm; list its block in NOT_RUN`);
}

function checkNpm([verb, ...words]: string[]): void {
  const named = words.find((word) => !word.startsWith('-'));
  if (verb === 'install') expect(named).toBe(name);
  else if (verb === 'run') expect(Object.keys(scripts)).toContain(named);
  else expect(Object.keys(scripts), `npm ${verb}`).toContain(verb);
}
