/** Folders of models as they are published for transformers.js: which files they have, and what these say. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { H2qError, inFile } from '../errors.js';
import { formatError } from '../io/npy.js';
import { readError } from '../node/files.js';
import type { Pooling } from './pooling.js';

export class ModelFolder {
  /** As it was named, for errors. */
  readonly name: string;
  /** From the root, as transformers.js takes a relative path for a name on its hub. */
  readonly path: string;

  private constructor(name: string) {
    this.name = name;
    this.path = resolve(name);
  }

  /** Throws FILE_NOT_FOUND, FILE_UNREADABLE. */
  static async open(name: string): Promise<ModelFolder> {
    const found = await stat(name).catch((cause) => {
      throw readError(name, cause);
    });
    if (found.isDirectory()) return new ModelFolder(name);
    throw new H2qError('FILE_UNREADABLE', `${name}: cannot be read: is not a folder`, {
      details: { file: name },
    });
  }

  /** Throws FILE_NOT_FOUND, naming what the file is for. */
  async require(file: string, purpose: string): Promise<void> {
    const path = join(this.name, file);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return;
    throw new H2qError('FILE_NOT_FOUND', `${path}: no such file; ${purpose}`, { details: { file: path } });
  }

  /** The object in a JSON file; undefined where there is no such file. Throws FILE_FORMAT. */
  async json(file: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const path = join(this.name, file);
    const text = await readFile(path, 'utf8').catch((cause) => {
      if (cause?.code === 'ENOENT' || cause?.code === 'ENOTDIR') return undefined;
      throw readError(path, cause);
    });
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw inFile(path, new H2qError('FILE_FORMAT', 'not JSON', { cause }));
    }
  }

  /**
   * The network among the files: the one that was asked for, else the first of `usual`, else the only one.
   *
   * @throws FILE_NOT_FOUND
   */
  async network(wanted: string | undefined, usual: readonly string[]): Promise<string> {
    const isThere = async (file: string) =>
      (await stat(join(this.name, file)).catch(() => undefined))?.isFile();
    for (const file of wanted === undefined ? usual : [wanted]) if (await isThere(file)) return file;
    const listed = await Promise.all(['', 'onnx'].map((folder) => this.#networksIn(folder)));
    const all = listed.flat();
    if (wanted === undefined && all.length === 1) return all[0] as string;
    const [missing, there] = [join(this.name, wanted ?? (usual.at(-1) as string)), all.join(', ')];
    const hint = all.length === 0 ? 'the folder has no network in the ONNX format' : `there are ${there}`;
    throw new H2qError('FILE_NOT_FOUND', `${missing}: no such file; ${hint}`, {
      details: { file: missing, networks: all },
    });
  }

  async #networksIn(folder: string): Promise<string[]> {
    const names = await readdir(join(this.path, folder)).catch(() => []);
    return names
      .filter((name) => name.endsWith('.onnx'))
      .map((name) => (folder === '' ? name : `${folder}/${name}`))
      .sort();
  }

  /** Tokens that an input may have, where the files tell. */
  async maxTokens(): Promise<number | undefined> {
    const [config, limits] = [await this.json('config.json'), await this.json('sentence_bert_config.json')];
    const lengths = [config?.['max_position_embeddings'], limits?.['max_seq_length']];
    const known = lengths.filter((length) => typeof length === 'number');
    return known.length > 0 ? Math.min(...known) : undefined;
  }

  /** Whether sentence-transformers would give rows the norm 1. */
  async normalizes(): Promise<boolean> {
    const modules = (await this.json('modules.json')) as unknown;
    return Array.isArray(modules) && modules.some(({ type }) => String(type).endsWith('Normalize'));
  }

  /** What sentence-transformers would make one row of. Throws FILE_FORMAT for what is not known here. */
  async pooling(): Promise<Pooling | undefined> {
    const file = '1_Pooling/config.json';
    const config = await this.json(file);
    if (!config) return undefined;
    const chosen = Object.keys(config).filter(
      (key) => key.startsWith('pooling_mode_') && config[key] === true,
    );
    const modes: Readonly<Record<string, Pooling>> = {
      pooling_mode_mean_tokens: 'mean',
      pooling_mode_cls_token: 'cls',
      pooling_mode_lasttoken: 'last',
    };
    const pooling = modes[chosen[0] ?? ''];
    if (chosen.length === 1 && pooling) return pooling;
    const asked = chosen.join(' and ') || 'no pooling';
    throw formatError(join(this.name, file), `${asked}, which is not known here: say which to take instead`);
  }
}
