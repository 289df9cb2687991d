/** The script of the page's workers. */
import 'h2q/worker';
