/** A network that makes vectors, with its way to one row per input. */

import { basename, dirname, join } from 'node:path';
import { checkInteger, checkOneOf, checkOptions } from '../arguments.js';
import { H2qError } from '../errors.js';
import { formatError } from '../io/npy.js';
import type { Matrix } from '../vectors.js';
import type { ModelFolder } from './folder.js';
import type { LoadedModel, Tensors, Transformers } from './peer.js';
import { chooseResult, normalizeRows, POOLINGS, type Pooling, pool } from './pooling.js';

export interface EmbedderOptions {
  /**
   * File of the network in the model's folder. Default: `onnx/vision_model.onnx` or `onnx/text_model.onnx`, else
   * `onnx/model.onnx` or `model.onnx`, else the only one.
   */
  network?: string | undefined;
  /** Name of the result to take. Default: `sentence_embedding`, `image_embeds`, … `last_hidden_state`, else the only one. */
  result?: string | undefined;
  /**
   * How the values of tokens become one row. Default: what `1_Pooling/config.json` says, else `cls` for pictures and
   * `mean` for texts.
   */
  pooling?: Pooling | undefined;
  /** Whether rows get the norm 1. Default: what `modules.json` says, else false. */
  normalize?: boolean | undefined;
  /** Threads of the network. Default: as onnxruntime chooses. */
  threads?: number | undefined;
}

export interface EmbedOptions {
  /** Heeded before each input and each run of the network; rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** What pictures and texts do differently. */
export interface Kind {
  networks: readonly string[];
  pooling: Pooling;
  /** Whether results of the tokens come before `pooler_output`. */
  preferTokens: boolean;
}

/** Throws INVALID_ARGUMENT, INVALID_OPTION. */
export function checkEmbedderOptions(options: EmbedderOptions): EmbedderOptions {
  const { pooling, threads } = checkOptions(options);
  if (pooling !== undefined) checkOneOf('pooling', pooling, POOLINGS);
  if (threads !== undefined) checkInteger('threads', threads, 1);
  return options;
}

interface Way {
  result: string | undefined;
  pooling: Pooling;
  normalize: boolean;
  preferTokens: boolean;
}

export class Network {
  readonly #model: LoadedModel;
  /** For errors. */
  readonly #file: string;
  readonly #way: Way;

  private constructor(model: LoadedModel, file: string, way: Way) {
    this.#model = model;
    this.#file = file;
    this.#way = way;
  }

  /** Throws FILE_NOT_FOUND, FILE_FORMAT. */
  static async load(
    { PreTrainedModel, AutoModel }: Transformers,
    folder: ModelFolder,
    kind: Kind,
    { network, result, pooling, normalize, threads }: EmbedderOptions,
  ): Promise<Network> {
    const file = await folder.network(network, kind.networks);
    const config = await folder.json('config.json');
    // By its own file a network takes what its inputs ask for; only where transformers.js knows more it is asked.
    const isWhole = basename(file).startsWith('model') && typeof config?.['model_type'] === 'string';
    const options = {
      ...{ local_files_only: true, dtype: 'fp32', config: config ?? { model_type: 'custom' } },
      ...{ subfolder: dirname(file) === '.' ? '' : dirname(file), model_file_name: basename(file, '.onnx') },
      session_options: threads === undefined ? {} : { intraOpNumThreads: threads },
    };
    const path = join(folder.name, file);
    const model = await (isWhole ? AutoModel : PreTrainedModel)
      .from_pretrained(folder.path, options)
      .catch((cause) => {
        throw notUsable(path, 'cannot be loaded', cause);
      });
    return new Network(model, path, {
      ...{ result, preferTokens: kind.preferTokens },
      pooling: pooling ?? (await folder.pooling()) ?? kind.pooling,
      normalize: normalize ?? (await folder.normalizes()),
    });
  }

  /** The names of its inputs. */
  get inputs(): readonly string[] {
    return Object.values(this.#model.sessions).flatMap(({ inputNames }) => inputNames);
  }

  /** One row per input, as float32. Throws FILE_FORMAT for a network that does not fit. */
  async run(inputs: Tensors): Promise<Matrix> {
    const results = await this.#model(inputs).catch((cause) => {
      throw notUsable(this.#file, 'cannot be run', cause);
    });
    const { result, pooling, normalize, preferTokens } = this.#way;
    const names = Object.keys(results);
    const name = chooseResult(names, result, preferTokens);
    if (name === undefined) {
      const wanted = result === undefined ? 'say which result to take' : `no result named ${result}`;
      throw formatError(this.#file, `${wanted}: there are ${names.join(', ')}`);
    }
    const tensor = (results[name] as Tensors[string]).to('float32');
    const values = { dims: tensor.dims, data: tensor.data as Float32Array };
    const rows = pool(values, pooling, inputs['attention_mask']?.data);
    if (!rows) throw formatError(this.#file, `result ${name} has ${tensor.dims.length} dimensions`);
    if (normalize) normalizeRows(rows);
    return rows;
  }

  async close(): Promise<void> {
    await this.#model.dispose();
  }
}

/** What transformers.js or onnxruntime says, in one line behind the name of the file. */
export function notUsable(file: string, problem: string, cause: unknown): unknown {
  if (cause instanceof H2qError) return cause;
  const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
  return new H2qError('FILE_FORMAT', `${file}: ${problem}: ${reason}`, { details: { file }, cause });
}

/** Throws NOT_FINITE, naming the input. */
export function checkFinite({ data, columns }: Matrix, name: (row: number) => string): void {
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const [row, column, value] = [Math.floor(bad / columns), bad % columns, data[bad]];
  const message = `${name(row)}: the network gives ${value} in column ${column}, which is not a finite float32`;
  throw new H2qError('NOT_FINITE', message, { details: { row, column, value } });
}
