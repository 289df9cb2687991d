import * as h2q from '../../ts/node/index.js';
import { describeConformance } from './conformance.js';

describeConformance('native', async () => h2q);
