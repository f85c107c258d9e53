/* log.h - levels, one sink.
 *
 * Below the GLib line everything that is worth a line goes through here. Without a sink, lines of
 * EM_LOG_WARN and above go to stderr. Set the sink once, before other threads log. */
#pragma once

typedef enum { EM_LOG_DEBUG, EM_LOG_INFO, EM_LOG_WARN, EM_LOG_ERROR } EmLogLevel;

/* `line` has no newline and lives for the call only. */
typedef void (*EmLogSink) (void *self, EmLogLevel level, const char *line);

void em_log_set_sink (EmLogSink sink, void *self); /* NULL: back to stderr */
void em_log (EmLogLevel level, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
