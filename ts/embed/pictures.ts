/** Pictures: decoded, laid on white, embedded. */

import { join } from 'node:path';
import { checkOptions, invalidArgument, kindOf } from '../arguments.js';
import { H2qError } from '../errors.js';
import { type FileInput, nameOf, readBytes } from '../io/input.js';
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
import {
  type Decode,
  loadDecoder,
  loadTransformers,
  type Prepare,
  type RawPicture,
  type Tensor,
  type Tensors,
  type Transformers,
} from './peer.js';
import { filterOf, type Pixels, resize } from './resize.js';

const KIND = {
  networks: ['onnx/vision_model.onnx', 'onnx/model.onnx', 'model.onnx'],
  pooling: 'cls',
  preferTokens: false,
} as const;

/** Makes vectors of pictures, by a network in a folder as published for transformers.js. Close it. */
export class PictureEmbedder {
  readonly #transformers: Transformers;
  readonly #decode: Decode;
  readonly #prepare: Prepare;
  readonly #network: Network;

  private constructor(transformers: Transformers, decode: Decode, prepare: Prepare, network: Network) {
    this.#transformers = transformers;
    this.#decode = decode;
    this.#prepare = prepare;
    this.#network = network;
  }

  /**
   * Loads a network and how it wants its pictures (`preprocessor_config.json`).
   *
   * @throws UNSUPPORTED (the package @huggingface/transformers is missing), FILE_NOT_FOUND, FILE_UNREADABLE, FILE_FORMAT,
   * INVALID_OPTION
   */
  static async load(folderName: string, options: EmbedderOptions = {}): Promise<PictureEmbedder> {
    checkEmbedderOptions(options);
    const [transformers, decode] = [await loadTransformers(), await loadDecoder()];
    const folder = await ModelFolder.open(folderName);
    const file = 'preprocessor_config.json';
    await folder.require(file, 'it says the size and the colours that a network for pictures takes');
    await folder.json(file);
    const prepare = await transformers.AutoImageProcessor.from_pretrained(folder.path, {
      local_files_only: true,
    }).catch((cause) => {
      throw notUsable(join(folder.name, file), 'cannot be used', cause);
    });
    const network = await Network.load(transformers, folder, KIND, options);
    return new PictureEmbedder(transformers, decode, prepare, network);
  }

  /**
   * One row per picture. Pictures are decoded one after the other and go through the network together, so give as many
   * at a time as the memory has room for. Transparent parts count as white. While the network runs, nothing else does.
   *
   * @throws FILE_NOT_FOUND, FILE_UNREADABLE (not a picture), NOT_FINITE, FILE_FORMAT (the network does not fit)
   */
  async embed(pictures: readonly FileInput[], options: EmbedOptions = {}): Promise<Matrix> {
    const { signal } = checkOptions(options);
    if (!Array.isArray(pictures)) {
      throw invalidArgument('pictures', `expected an array, got ${kindOf(pictures)}`);
    }
    const prepared: Tensors[] = [];
    for (const picture of pictures) {
      signal?.throwIfAborted();
      prepared.push(await this.#prepared(picture));
    }
    const parts: Matrix[] = [];
    for (const inputs of this.#together(prepared)) {
      signal?.throwIfAborted();
      parts.push(await this.#network.run(inputs));
    }
    const rows = joinRows(parts);
    checkFinite(rows, (row) => nameOf(pictures[row] as FileInput));
    return rows;
  }

  async close(): Promise<void> {
    await this.#network.close();
  }

  async #prepared(picture: FileInput): Promise<Tensors> {
    const bytes = await readBytes(picture);
    try {
      const { RawImage } = this.#transformers;
      const prepared = await this.#prepare(resizable(RawImage, onWhite(await this.#decode(bytes))));
      const tensors = Object.entries(prepared).filter(([, value]) => isTensor(value)) as [string, Tensor][];
      return this.#named(Object.fromEntries(tensors));
    } catch (cause) {
      if (cause instanceof H2qError) throw cause;
      const [file, reason] = [nameOf(picture), cause instanceof Error ? cause.message : String(cause)];
      throw new H2qError(
        'FILE_UNREADABLE',
        `${file}: not a picture that can be read: ${reason.split('\n')[0]}`,
        {
          details: { file },
          cause,
        },
      );
    }
  }

  /** A network with one input takes the pixels under whatever name. */
  #named(tensors: Tensors): Tensors {
    const { inputs } = this.#network;
    const [only, pixels] = [inputs[0], tensors['pixel_values']];
    return inputs.length === 1 && only !== undefined && pixels ? { [only]: pixels } : tensors;
  }

  /** Neighbours of the same shape as one input. */
  #together(prepared: readonly Tensors[]): Tensors[] {
    const groups: Tensors[][] = [];
    for (const one of prepared) {
      const group = groups.at(-1);
      if (group?.[0] && shapeOf(group[0]) === shapeOf(one)) group.push(one);
      else groups.push([one]);
    }
    const { cat } = this.#transformers;
    return groups.map((group) => {
      const names = Object.keys(group[0] as Tensors);
      const joined = (name: string) =>
        cat(
          group.map((one) => one[name] as Tensor),
          0,
        );
      return Object.fromEntries(names.map((name) => [name, joined(name)]));
    });
  }
}

/** A picture of transformers.js that takes another size as Pillow does. */
function resizable(RawImage: Transformers['RawImage'], { data, width, height }: Pixels): RawPicture {
  const picture = new RawImage(data, width, height, 3);
  const theirs = picture.resize.bind(picture);
  picture.resize = async (newWidth, newHeight, options) => {
    const filter = filterOf(options?.resample);
    if (filter === undefined) return theirs(newWidth, newHeight, options);
    const resized = resize({ data, width, height }, newWidth, newHeight, filter);
    return new RawImage(resized.data, newWidth, newHeight, 3);
  };
  return picture;
}

/** A picture of red, green, blue and opacity laid on white. */
export function onWhite({ data, width, height }: Pixels): Pixels {
  const out = new Uint8ClampedArray(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = (data[pixel * 4 + 3] as number) / 255;
    for (let color = 0; color < 3; color++) {
      out[pixel * 3 + color] = (data[pixel * 4 + color] as number) * alpha + 255 * (1 - alpha);
    }
  }
  return { data: out, width, height };
}

function joinRows(parts: readonly Matrix[]): Matrix {
  const [first] = parts;
  if (!first || parts.length === 1) return first ?? { data: new Float32Array(0), columns: 0 };
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let filled = 0;
  for (const part of parts) {
    data.set(part.data, filled);
    filled += part.data.length;
  }
  return { data, columns: first.columns };
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dims' in value && 'data' in value;
}

function shapeOf(tensors: Tensors): string {
  return Object.entries(tensors)
    .map(([name, { dims }]) => `${name} ${dims.join('x')}`)
    .join();
}
