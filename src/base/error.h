/* error.h - what went wrong, as a value.
 *
 * An EmError is a plain struct that its owner keeps on the stack or inside a context. The first
 * failure wins: em_fail() leaves an error that is already set alone, so a chain of calls may share
 * one EmError and report the cause, not its echo. Nothing here allocates. */
#pragma once
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  EM_OK = 0,
  EM_E_CANCELLED, /* somebody asked for it; what was finished is kept */
  EM_E_USAGE,     /* a wrong option or argument */
  EM_E_INPUT,     /* media, project file or output folder unusable */
  EM_E_WEIGHTS,   /* model package unusable */
  EM_E_DEVICE,    /* a device that is not there, cannot do it, or failed */
  EM_E_MEMORY,    /* memory of device or host: less at a time may still work */
  EM_E_LOCKED,    /* another writer has the project */
  EM_E_CHECK,     /* a check that was asked for failed */
  EM_E_INTERNAL,
} EmStatus;

typedef struct {
  EmStatus code;
  char text[512]; /* one line: what, where and what to do */
} EmError;

#define EM_ERROR_INIT { EM_OK, "" }

/* Sets `err` unless it is NULL or already set; control characters become question marks, so that a
 * name out of a file acts on no terminal. Always returns false, so that a function can end
 * with `return em_fail (err, ...)`. */
bool em_fail (EmError *err, EmStatus code, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* The exit code of a program that ends with this status. */
int em_exit_code (EmStatus code);

/* A caller's mistake, never a file's: aborts in every build. */
#define EM_BUG_UNLESS(claim)                                                                       \
  do {                                                                                             \
    if (__builtin_expect (!(claim), 0))                                                            \
      em_bug (__FILE__, __LINE__, #claim);                                                         \
  } while (0)
void em_bug (const char *file, int line, const char *claim) __attribute__ ((noreturn));

#ifdef __cplusplus
}
#endif
