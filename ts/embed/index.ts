/** The entry h2q/embed, in Node: pictures and texts to vectors, by networks that transformers.js runs. */

// Brings the files of the system.
import '../node/index.js';

export { listPictures } from './listing.js';
export type { EmbedderOptions, EmbedOptions } from './network.js';
export { PictureEmbedder } from './pictures.js';
export type { Pooling } from './pooling.js';
export { TextEmbedder } from './texts.js';
