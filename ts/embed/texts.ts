/** Texts, embedded. */

import { join } from 'node:path';
import { checkOptions, invalidArgument, kindOf } from '../arguments.js';
import type { Matrix } from '../vectors.js';
import { ModelFolder } from './folder.js';
import {
  checkEmbedderOptions,
  checkFinite,
  type EmbedderOptions,
  type EmbedOptions,
  Network,
  notUsable,
} from './network.js';
import { loadTransformers, type Tensors, type Tokenizer } from './peer.js';

const KIND = {
  networks: ['onnx/text_model.onnx', 'onnx/model.onnx', 'model.onnx'],
  pooling: 'mean',
  preferTokens: true,
} as const;

/** More tokens than any network takes: what tokenizers say that know no limit. */
const NO_LIMIT = 2 ** 24;

/** Makes vectors of texts, by a network in a folder as published for transformers.js. Close it. */
export class TextEmbedder {
  readonly #tokenizer: Tokenizer;
  readonly #maxTokens: number | undefined;
  /** Tokens that end every text. */
  readonly #ending: readonly bigint[];
  readonly #network: Network;

  private constructor(
    tokenizer: Tokenizer,
    maxTokens: number | undefined,
    ending: readonly bigint[],
    network: Network,
  ) {
    this.#tokenizer = tokenizer;
    this.#maxTokens = maxTokens;
    this.#ending = ending;
    this.#network = network;
  }

  /**
   * Loads a network and its tokenizer (`tokenizer.json`, `tokenizer_config.json`).
   *
   * @throws UNSUPPORTED (the package @huggingface/transformers is missing), FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT,
   * INVALID_OPTION
   */
  static async load(folderName: string, options: EmbedderOptions = {}): Promise<TextEmbedder> {
    checkEmbedderOptions(options);
    const transformers = await loadTransformers();
    const folder = await ModelFolder.open(folderName);
    for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
      await folder.require(file, 'it says how a network for texts takes them');
      await folder.json(file);
    }
    const tokenizer = await transformers.AutoTokenizer.from_pretrained(folder.path, {
      local_files_only: true,
    }).catch((cause) => {
      throw notUsable(join(folder.name, 'tokenizer.json'), 'cannot be used', cause);
    });
    const network = await Network.load(transformers, folder, KIND, options);
    const limit = Math.min((await folder.maxTokens()) ?? NO_LIMIT, tokenizer.model_max_length ?? NO_LIMIT);
    return new TextEmbedder(
      tokenizer,
      limit < NO_LIMIT ? limit : undefined,
      await endingOf(tokenizer),
      network,
    );
  }

  /**
   * One row per text. What is longer than the network takes is cut off at its end. All texts go through the network
   * together, padded to the longest, so give a few at a time. While the network runs, nothing else does.
   *
   * @throws INVALID_ARGUMENT, NOT_FINITE, FILE_FORMAT (the network does not fit)
   */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Matrix> {
    const { signal } = checkOptions(options);
    if (!Array.isArray(texts)) throw invalidArgument('texts', `expected an array, got ${kindOf(texts)}`);
    const other = texts.findIndex((text) => typeof text !== 'string');
    if (other >= 0) throw invalidArgument('texts', `expected texts, got ${kindOf(texts[other])} at ${other}`);
    if (texts.length === 0) return { data: new Float32Array(0), columns: 0 };
    signal?.throwIfAborted();
    const limit = this.#maxTokens === undefined ? {} : { max_length: this.#maxTokens };
    const inputs = await this.#tokenizer([...texts], { padding: true, truncation: true, ...limit });
    if (this.#maxTokens !== undefined) restoreEnding(inputs, this.#maxTokens, this.#ending);
    const rows = await this.#network.run(inputs);
    checkFinite(rows, (row) => `text ${row}`);
    return rows;
  }

  async close(): Promise<void> {
    await this.#network.close();
  }
}

/** The tokens with which a tokenizer ends any text: those that an empty text and a letter have in common. */
async function endingOf(tokenizer: Tokenizer): Promise<bigint[]> {
  const idsOf = async (text: string) => {
    const { input_ids: ids } = await tokenizer([text], { padding: false, truncation: false });
    return Array.from(ids?.data ?? [], BigInt);
  };
  const [none, some] = [await idsOf(''), await idsOf('a')];
  const differs = none.toReversed().findIndex((id, i) => id !== some.at(-1 - i));
  const count = differs < 0 ? none.length : differs;
  return count === 0 ? [] : none.slice(-count);
}

/** transformers.js cuts off the tokens that end a text together with what is too long. Networks expect them. */
function restoreEnding(inputs: Tensors, maxTokens: number, ending: readonly bigint[]): void {
  const { input_ids: ids, attention_mask: mask } = inputs;
  const [rows = 0, length = 0] = ids?.dims ?? [];
  if (!ids || !mask || length !== maxTokens || ending.length >= maxTokens) return;
  const values = ids.data as BigInt64Array;
  for (let row = 0; row < rows; row++) {
    const places = mask.data as BigInt64Array;
    const isFull = places.subarray(row * length, (row + 1) * length).every((one) => one === 1n);
    if (isFull) values.set(ending, (row + 1) * length - ending.length);
  }
}
