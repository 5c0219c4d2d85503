/* A network: write the codes of a picture to where it reads them, run it, and read the codes of its answer.
 *
 * network.c is written by helpers/board/network_in_c.py from a full-int8 .tflite file.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>

int8_t *network_input(void);       /* for the picture: height, width, channels; valid until network_run is called */
const int8_t *network_run(void);   /* returns the codes of the output */

#endif
