/* threads.h - how the engine's threads wait for work.
 *
 * libgomp lets idle threads spin for milliseconds, which is right on a machine that does nothing
 * else. Here a window draws, a decoder runs and other jobs share the cores: spinning takes them
 * away and turned a pass of 4 s into one of 76 s on two busy cores. The library reads its
 * environment before main() runs, so a program that wants its threads to sleep starts itself once
 * more. */
#pragma once

/* First line of main(). Returns at once if OMP_WAIT_POLICY is set, by whoever. */
void em_threads_sleep_when_idle (char **argv);
