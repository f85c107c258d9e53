/* thrift.h - what a predictor does without since memory was out.
 *
 * A call that meets EM_E_MEMORY takes the next step and tries again, and fails with it only behind
 * the last; steps are never taken back. Answers do not change. */
#pragma once

typedef enum {
  EM_THRIFT_NONE,
  EM_THRIFT_DROPPED, /* caches were emptied, and may fill again */
  EM_THRIFT_SMALL,   /* caches hold what one answer needs; looking ahead is a waste */
  EM_THRIFT_LEAST,   /* of tracked frames only what the next one attends to; one object at a time
                        would need less still, which is the caller's to do */
} EmThrift;
