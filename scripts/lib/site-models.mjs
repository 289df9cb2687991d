/** Seed of every random choice. */
const SEED = 1;
const BITS = [16, 32, 64];
/** What the page calls a method, by the options of the fit. */
const METHODS = /** @type {const} */ ([
  ['identity', { method: 'identity' }],
  ['random', { method: 'random' }],
  ['itq', { method: 'itq' }],
  ['h2q', { method: 'h2q' }],
  ['neighbours', { loss: 'neighbours' }],
]);
/** What the head of two stages is learnt from, and how. */
const HEAD = { rows: 5000, validation: 1000, hidden: [128], loss: 'cel', epochs: 30 };

/**
 * The ways to codes that the page offers: principal components and a rotation, which see no label, or a head that is
 * learnt from some labels and a rotation of what it yields.
 *
 * @typedef {'unsupervised' | 'two-stage'} Route
 * @typedef {import('../../dist/node/index.js').Model} Model
 * @typedef {import('../../dist/node/index.js').Matrix} Matrix
 * @typedef {{ database: Matrix, databaseLabels: Uint8Array, queries: Matrix, queryLabels: Uint8Array }} Judged
 */

/**
 * Fits each method at each length on both routes, all on the same rows, and judges them.
 *
 * @param {Judged} judged
 * @param {number} cutOff hits that count for the precision
 * @param {(route: Route, method: string, bits: number, model: Model) => Promise<void>} keep
 * @returns what the page's manifest says of them
 */
export async function makeModels(judged, cutOff, keep) {
  // By URL: the type checker of the scripts must not look for what set-up has yet to make.
  const { evaluate, evaluateCosine, fit } = await import(
    new URL('../../dist/node/index.js', import.meta.url).href
  );
  const { database, databaseLabels, queries, queryLabels } = judged;
  const at = [cutOff];
  const models = [];
  const floats = [];
  for (const bits of BITS) {
    const head = await learnHead(database, databaseLabels, bits);
    const ofHead = { database: await head.transform(database), queries: await head.transform(queries) };
    for (const [route, rows, given] of /** @type {const} */ ([
      ['unsupervised', { database, queries }, { center: true }],
      ['two-stage', ofHead, { head }],
    ])) {
      const { at: float, neighbours } = await evaluateCosine({ ...rows, databaseLabels, queryLabels, at });
      floats.push({ route, bits, precision: float[cutOff]?.precision ?? 0 });
      for (const [method, options] of METHODS) {
        // The head by itself is its embedding's plain sign, and what the page fits to.
        const isHead = route === 'two-stage' && method === 'identity';
        const model = isHead ? head : (await fit(database, { ...given, ...options, bits, seed: SEED })).model;
        await keep(route, method, bits, model);
        const measured = (await evaluate({ ...judged, model, neighbours, at })).at[cutOff];
        models.push({ route, method, bits, precision: measured?.precision ?? 0 });
      }
    }
  }
  const { rows, validation, hidden } = HEAD;
  return { models, floats, head: { rows, validation, hidden } };
}

/**
 * Stage one, from the first of the labelled rows.
 *
 * @param {Matrix} vectors
 * @param {Uint8Array} labels
 * @param {number} bits
 * @returns {Promise<Model>}
 */
async function learnHead({ data, columns }, labels, bits) {
  const { learn } = await import(new URL('../../dist/node/index.js', import.meta.url).href);
  const { rows, validation, hidden, loss, epochs } = HEAD;
  const end = rows + validation;
  const { model } = await learn(
    { data: data.slice(0, rows * columns), columns },
    {
      labels: labels.slice(0, rows),
      validation: { data: data.slice(rows * columns, end * columns), columns },
      validationLabels: labels.slice(rows, end),
      ...{ bits, loss, hidden, epochs, seed: SEED },
    },
  );
  return model;
}
