/* What happens on a Cortex-M after a reset: variables get their values, then one picture is classified.
 *
 * The addresses come from board.ld.  Nothing has to be zero at the start, so .bss is left as it is.  On a real board
 * the picture would come from a camera; here it is written to network_input() before the start, and the answer is read
 * from `answer` after the end.
 */
#include <stdint.h>

#include "network.h"

extern uint32_t data_in_flash[], data_begin[], data_end[], stack_top[];

const int8_t *volatile answer;

void reset(void);
void finished(void);

/* Where the program ends, for whoever watches: the processor stays here. */
__attribute__((noinline)) void finished(void) {
    for (;;) __asm__ volatile("");
}

void reset(void) {
    const uint32_t *source = data_in_flash;
    for (uint32_t *word = data_begin; word < data_end; word++) *word = *source++;
    answer = network_run();
    finished();
}

/* The first two words of the flash: where the stack begins, and where the program does. */
__attribute__((section(".vectors"), used)) static const uintptr_t vectors[2] = {
    (uintptr_t)stack_top, (uintptr_t)reset};
