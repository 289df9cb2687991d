// Contenders on the same codes: first their hits are checked, then rounds are timed.
import { availableParallelism } from 'node:os';
import { nodePeer } from './hamming-contenders.mjs';
import { Peer } from './peer.mjs';
import { spread } from './record.mjs';
import { judgeHits } from './scalar-hamming.mjs';

/** @typedef {import('./hamming-contenders.mjs').Case} Case */
/** @typedef {import('./hamming-contenders.mjs').Asked} Asked */
/** @typedef {import('./hamming-contenders.mjs').Contender} Contender */
/** @typedef {import('./record.mjs').Spread} Spread */
/** @typedef {import('./scalar-hamming.mjs').Codes} Codes */
/**
 * Codes, queries and their files; what the first queries must find; in which ways they are asked.
 *
 * @typedef {Case & { k: number, codes: Codes, queries: Codes, files: string[], truth: number[][], ways: Asked[] }} Material
 */
/** @typedef {{ contender: Contender, peer: Peer, version: string, settings: string, bytesPerCode: number | null, error?: string }} Player */
/** @typedef {Asked & { threads: number, player: Player, samples: number[], recall: number, error?: string, work?: object }} Measure */
/** @typedef {Case & Asked & { threads: number, contender: string, exact: boolean, settings: string }} Named */
/**
 * @typedef {object} Speed
 * @property {undefined} [error]
 * @property {number} recall
 * @property {object} [work] what h2q counted for the queries of the check
 * @property {number | null} bytesPerCode
 * @property {Spread} millisecondsPerQuery
 * @property {number} codesPerSecond queries x rows per second, median
 * @property {number | null} timesLinear speed as a multiple of `h2q linear`
 * @property {number | null} timesMih speed as a multiple of `h2q mih`
 * @property {Spread} readBytesPerSecond of the plain read
 * @property {number | null} shareOfRead bytes of the codes per second of a single query, by those of the read
 */
/** What found something else than the nearest has an error and no speed. @typedef {Named & (Speed | { error: string })} Row */

/** 1, 2, 4 … as far as there are cores. */
const THREADS = [1, 2, 4, 8, 16, 32, 64].filter((threads) => threads <= Math.max(2, availableParallelism()));
/** Less could be the heap of the process itself. */
const TELLING_BYTES = 16 * 2 ** 20;

/**
 * Each round asks every contender once in every way, so that a drift of the machine meets all of them.
 *
 * @param {Material} material
 * @param {Contender[]} contenders
 * @param {number} rounds
 * @returns {Promise<{ rows: Row[], versions: Record<string, string> }>}
 */
export async function measure(material, contenders, rounds) {
  const taking = contenders.filter((one) => one.takes(material) && waysFor(one, material).length > 0);
  const players = taking.map((contender) => start(contender, material));
  const [program, ...args] = nodePeer('read');
  const reader = new Peer(program, [...args, String(material.bits), String(material.rows)]);
  try {
    const measures = [];
    for (const player of players) measures.push(...(await loadAndCheck(player, material)));
    const read = [];
    for (let round = 0; round < rounds; round++) {
      read.push((await reader.ask('read')).bytesPerSecond);
      for (const measure of measures) await time(measure, round, material);
    }
    const versions = Object.fromEntries(players.map(({ contender, version }) => [contender.name, version]));
    return { rows: summarise(material, measures, spread(read)), versions };
  } finally {
    for (const { peer } of players) peer.stop();
    reader.stop();
  }
}

/**
 * @param {Contender} contender
 * @param {Material} material
 * @returns {Player}
 */
function start(contender, { files, bits, k }) {
  const { command, variant } = contender;
  const [program, ...args] = command;
  const words = [...args, ...files, String(bits), String(k), ...(variant ? [variant] : [])];
  return { contender, peer: new Peer(program, words), version: '', settings: '', bytesPerCode: null };
}

/**
 * Asks in every way for hits and judges them; every way has then been run once. Memory is what the process
 * has grown by since before it had any data.
 *
 * @param {Player} player
 * @param {Material} material
 * @returns {Promise<Measure[]>}
 */
async function loadAndCheck(player, material) {
  const { contender, peer } = player;
  const { codes, queries, truth } = material;
  const measures = waysToAsk(player, material);
  try {
    player.version = (await peer.ask('hello')).version;
    const before = peer.residentBytes();
    player.settings = (await peer.ask('load')).settings;
    for (const measure of measures) {
      const answer = await peer.ask(question(measure, 0, 'hits'));
      Object.assign(
        measure,
        judgeHits(answer, truth.slice(0, measure.queries), codes, queries, contender.exact),
      );
      if (answer.work) measure.work = answer.work;
    }
    const after = peer.residentBytes();
    const grown = (after ?? 0) - (before ?? 0);
    if (grown >= TELLING_BYTES) player.bytesPerCode = grown / material.rows;
  } catch (error) {
    for (const measure of measures) measure.error = String(error);
  }
  return measures;
}

/**
 * @param {Player} player
 * @param {Material} material
 * @returns {Measure[]}
 */
function waysToAsk(player, material) {
  return waysFor(player.contender, material).flatMap((way) =>
    THREADS.filter((threads) => player.contender.threaded(way, threads)).map((threads) => ({
      ...way,
      threads,
      player,
      recall: 0,
      samples: [],
    })),
  );
}

/**
 * @param {Contender} contender
 * @param {Material} material
 */
function waysFor({ most }, { ways, rows }) {
  return ways.filter(({ queries }) => queries * rows <= most);
}

/**
 * The next queries, and the first ones again after the last.
 *
 * @param {Measure} measure
 * @param {number} round
 * @param {Material} material
 */
async function time(measure, round, { queries, bits }) {
  if (measure.error !== undefined) return;
  const count = queries.data.length / (bits / 8);
  const batches = Math.floor(count / measure.queries);
  const first = (round % batches) * measure.queries;
  try {
    measure.samples.push((await measure.player.peer.ask(question(measure, first, 'none'))).seconds);
  } catch (error) {
    measure.error = String(error);
  }
}

/**
 * @param {Measure} measure
 * @param {number} first query
 * @param {'hits' | 'none'} hits
 */
function question({ queries, threads, mode }, first, hits) {
  return `search ${first} ${queries} ${threads} ${mode} ${hits}`;
}

/**
 * @param {Material} material
 * @param {Measure[]} measures
 * @param {Spread} read
 * @returns {Row[]}
 */
function summarise({ data, bits, rows }, measures, read) {
  /** @param {Measure} measure */
  const perQuery = ({ samples, queries }) => spread(samples.map((seconds) => (1e3 * seconds) / queries));
  /** @param {Measure} measure @param {string} name */
  const times = (measure, name) => {
    const other = measures.find(
      ({ player, mode, queries, threads, error }) =>
        player.contender.name === name &&
        error === undefined &&
        mode === measure.mode &&
        queries === measure.queries &&
        threads === measure.threads,
    );
    return other ? perQuery(other).median / perQuery(measure).median : null;
  };
  return measures.map((measure) => {
    const { mode, queries, threads, player, recall, error, work } = measure;
    const { name: contender, exact } = player.contender;
    const named = { data, bits, rows, mode, queries, threads, contender, exact, settings: player.settings };
    if (error !== undefined) return { ...named, error };
    const millisecondsPerQuery = perQuery(measure);
    const queriesPerSecond = 1e3 / millisecondsPerQuery.median;
    const bytesPerSecond = queriesPerSecond * rows * (bits / 8);
    return {
      ...named,
      recall,
      ...(work && { work }),
      bytesPerCode: player.bytesPerCode,
      millisecondsPerQuery,
      codesPerSecond: queriesPerSecond * rows,
      timesLinear: times(measure, 'h2q linear'),
      timesMih: times(measure, 'h2q mih'),
      readBytesPerSecond: read,
      shareOfRead: mode === 'single' ? bytesPerSecond / read.median : null,
    };
  });
}
