/** `h2q index`: files of codes that are searched where they are. */

import type { Command } from 'commander';
import type { Layout } from '../backend.js';
import type { Codes } from '../codes.js';
import { LAYOUTS } from '../codes.js';
import { H2qError } from '../errors.js';
import {
  HammingIndex,
  IndexFile,
  Model,
  npyHeader,
  readCodes,
  readLabels,
  repairIndex,
  verifyIndex,
  writeFile,
} from '../node/index.js';
import { platform } from '../platform.js';
import { type Context, note, print, printJson } from './context.js';
import { mismatch, openIndex } from './inputs.js';
import { examples, flagError, oneOf } from './options.js';
import { toInt64Bytes } from './search.js';
import { formatTable } from './table.js';

interface CodesFlags {
  ids?: string;
  layout: Layout;
  model?: string;
  json?: boolean;
}

const IDS = 'one id per code: .npy, int64 or int32; needed where the index has ids';

/** By command. */
const EXAMPLES = {
  build: ['h2q index build codes.npy -o codes.h2q --ids ids.npy --model model.h2q'],
  append: ['h2q index append codes.h2q more.npy --ids more-ids.npy'],
  remove: ['h2q index remove codes.h2q --ids gone.npy'],
  compact: ['h2q index compact codes.h2q', 'h2q index compact codes.h2q --rows former-rows.npy'],
  verify: ['h2q index verify codes.h2q'],
  repair: ['h2q index repair codes.h2q'],
  info: ['h2q index info codes.h2q --json'],
} as const;

export function addIndex(program: Command, context: Context): void {
  const index = program
    .command('index')
    .description('build, change and check files of codes')
    .addHelpText(
      'after',
      examples(...Object.values(EXAMPLES).flat(), 'h2q search codes.h2q queries.npy -k 10'),
    );
  const command = (name: keyof typeof EXAMPLES) =>
    index.command(name).addHelpText('after', examples(...EXAMPLES[name]));
  withCodes(command('build').description('write an index of codes'))
    .argument('<codes>', 'codes: .npy, uint8, rows x bits / 8')
    .requiredOption('-o, --output <file>', 'the index file to write')
    .action((codes: string, flags: CodesFlags & { output: string }) => build(codes, flags, context));
  withCodes(command('append').description('add codes; they are on the disk when this ends'))
    .argument('<index>', 'index file')
    .argument('<codes>', 'codes: .npy, uint8, rows x bits / 8')
    .action((path: string, codes: string, flags: CodesFlags) => append(path, codes, flags, context));
  command('remove')
    .description('remove codes by id, by row where the index has no ids')
    .argument('<index>', 'index file')
    .requiredOption('--ids <file>', 'the ids: .npy, int64 or int32; unknown ones are passed over')
    .option('--json', 'print {removed, size, rows}')
    .action((path: string, flags: { ids: string; json?: boolean }) => remove(path, flags, context));
  command('compact')
    .description('write the file anew without what was removed; rows are numbered anew, ids stay')
    .argument('<index>', 'index file')
    .option('--rows <file>', 'the .npy to write the former row of each row to: int64')
    .option('--json', 'print {rows}')
    .action((path: string, flags: { rows?: string; json?: boolean }) => compact(path, flags, context));
  command('verify')
    .description('read and check every byte; exit code 1 where something is wrong')
    .argument('<index>', 'index file')
    .option('--json', 'print what was found')
    .action((path: string, flags: { json?: boolean }) => verify(path, flags, context));
  command('repair')
    .description('keep what is not damaged; a damaged file is kept with the ending .damaged')
    .argument('<index>', 'index file')
    .option('--json', 'print what was done')
    .action((path: string, flags: { json?: boolean }) => repair(path, flags, context));
  command('info')
    .description('say what an index holds')
    .argument('<index>', 'index file')
    .option('--json', 'print {rows, size, bits, ids, factors, model}')
    .action((path: string, flags: { json?: boolean }) => info(path, flags, context));
}

function withCodes(command: Command): Command {
  return command
    .option('--ids <file>', IDS)
    .option('--layout <name>', `order of the bits: ${LAYOUTS.join(', ')}`, oneOf('--layout', LAYOUTS), 'lsb')
    .option('--model <file>', 'the model that the codes come from; those of another one are refused later')
    .option('--json', 'print {rows, size, bits}');
}

async function build(codesPath: string, flags: CodesFlags & { output: string }, context: Context) {
  const { signal } = context;
  const { codes, ids } = await read(codesPath, flags);
  const index = await HammingIndex.build(codes, { ...(ids && { ids }), signal });
  await index.save(flags.output, { signal });
  await tell(context, flags, index, `${index.size} codes of ${index.bits} bits → ${flags.output}\n`);
}

async function append(path: string, codesPath: string, flags: CodesFlags, context: Context) {
  await withFile(path, async (file) => {
    const { codes, ids } = await read(codesPath, flags);
    if (codes.bits !== file.index.bits) throw mismatch(codesPath, 'bits', file.index.bits, path, codes.bits);
    if ((ids !== undefined) !== file.index.hasIds) {
      throw flagError('--ids', file.index.hasIds ? `missing, ${path} has ids` : `${path} has no ids`);
    }
    const row = await file.append(codes, ids && { ids });
    const count = file.index.rows - row;
    await tell(context, flags, file.index, `${count} codes appended from row ${row} on → ${path}\n`);
  });
}

async function remove(path: string, flags: { ids: string; json?: boolean }, context: Context) {
  const ids = await readIds(flags.ids);
  await withFile(path, async (file) => {
    const removed = await file.remove(ids);
    const { size, rows } = file.index;
    const text = `${removed} codes removed, ${size} left in ${path}\n`;
    await (flags.json ? printJson(context, { removed, size, rows }) : print(context, text));
  });
}

async function compact(path: string, flags: { rows?: string; json?: boolean }, context: Context) {
  const { signal } = context;
  await withFile(path, async (file) => {
    if (flags.rows !== undefined) await platform().checkWritable(flags.rows);
    const { rows: before, hasIds } = file.index;
    const rows = await file.compact({ signal });
    if (flags.rows !== undefined) {
      await writeFile(flags.rows, async (output) => {
        await output.write(npyHeader('i8', [rows.length]));
        await output.write(toInt64Bytes(rows));
      });
    } else if (!hasIds && rows.length < before) {
      note(context, `${path}: rows are numbered anew; --rows would have kept the former numbers`);
    }
    const text = `${rows.length} codes left of ${before} rows in ${path}\n`;
    await (flags.json ? printJson(context, { rows: rows.length }) : print(context, text));
  });
}

async function verify(path: string, { json }: { json?: boolean }, context: Context) {
  const found = await verifyIndex(path, { signal: context.signal });
  const { problems, size, rows, uncommittedBytes } = found;
  if (json) await printJson(context, found);
  else if (problems.length === 0) {
    const tail = uncommittedBytes > 0 ? `, and ${uncommittedBytes} bytes that were never acknowledged` : '';
    await print(context, `${path}: ${size} codes of ${rows} rows, all is well${tail}\n`);
  }
  if (problems.length === 0) return;
  throw new H2qError('INDEX_FORMAT', `${path}: ${problems.join('; ')}`, {
    details: { file: path, problems },
  });
}

async function repair(path: string, { json }: { json?: boolean }, context: Context) {
  const { rows, ...repaired } = await repairIndex(path, { signal: context.signal });
  const { problems, lost, damaged } = repaired;
  if (json) return printJson(context, { ...repaired, ...(rows && { rows: rows.length }) });
  const done =
    damaged === undefined
      ? problems.length === 0
        ? 'nothing was wrong'
        : 'nothing was lost'
      : `${lost ?? 'unknown many'} codes are lost, ${rows?.length} are left; the damaged file is ${damaged}`;
  await print(context, [...problems, done].map((line) => `${path}: ${line}\n`).join(''));
}

async function info(path: string, { json }: { json?: boolean }, context: Context) {
  const index = await openIndex(path, context.signal);
  const { rows, size, bits, hasIds: ids, hasFactors: factors, model } = index;
  const found = { rows, size, bits, ids, factors, ...(model !== undefined && { model }) };
  if (json) return printJson(context, found);
  const told = Object.entries({ ...found, model: model ?? 'unknown' });
  const shown = (value: unknown) => (value === true ? 'yes' : value === false ? 'no' : String(value));
  await print(
    context,
    formatTable(
      ['index', path],
      told.map(([name, value]) => [name, shown(value)]),
    ),
  );
}

async function withFile(path: string, use: (file: IndexFile) => Promise<void>): Promise<void> {
  const file = await IndexFile.open(path);
  try {
    await use(file);
  } finally {
    file.close();
  }
}

async function read(
  path: string,
  { ids, layout, model }: CodesFlags,
): Promise<{ codes: Codes; ids?: BigInt64Array }> {
  const codes: Codes = { ...(await readCodes(path)), layout };
  if (model !== undefined) {
    const { bits, fingerprint } = await Model.load(model);
    if (bits !== codes.bits) throw mismatch(path, 'bits', bits, model, codes.bits);
    codes.model = fingerprint;
  }
  return { codes, ...(ids !== undefined && { ids: await readIds(ids) }) };
}

async function readIds(path: string): Promise<BigInt64Array> {
  const ids = await readLabels(path);
  if (ids instanceof BigInt64Array) return ids;
  if (ids instanceof Int32Array || ids instanceof Uint8Array) return BigInt64Array.from(ids, BigInt);
  throw new H2qError('FILE_FORMAT', `${path}: ids are one row of numbers`, { details: { file: path } });
}

function tell(
  context: Context,
  { json }: { json?: boolean },
  index: HammingIndex,
  text: string,
): Promise<void> {
  const { rows, size, bits } = index;
  return json ? printJson(context, { rows, size, bits }) : print(context, text);
}
