/* run.h - taking a file apart without hanging on it.
 *
 * Internal to media. */
#pragma once
#include <gio/gio.h>
#include <gst/gst.h>
#include "media/gerror.h"
#include <stdbool.h>

typedef struct {
  GstElement *pipeline;
  gint n_packets;      /* streaming threads count what passes, atomic */
  gint n_reads;        /* of the file, atomic */
  gint is_stopped;     /* a streaming thread has seen enough, atomic */
  GstMessage *missing; /* the first missing plugin, if one was; to unref */
} EmRun;

/* Makes filesrc ! parsebin and returns the latter, to be given sinks as its pads appear. */
GstElement *em_run_open (EmRun *run, const char *path);
/* Plays until the end of the stream or until stopped, then shuts the pipeline down and drops it.
 * False with EM_E_CANCELLED, or EM_E_INPUT for a fault or if nothing moves for seconds. */
bool em_run_to_end (EmRun *run, const char *path, GCancellable *cancellable, GError **error);

/* Starts GStreamer once; harmless to repeat. */
void em_media_init (void);
/* An element of GStreamer's core or base plugins, without which nothing here works: aborts if it is
 * not installed. */
GstElement *em_media_element (const char *factory);
/* The last part of a path, as text for messages. Caller frees. */
char *em_media_name (const char *path);
/* The error of a bus message, or of a missing plugin, as one line about `path`. */
void em_media_take_message (GstMessage *message, const char *path, GError **error);
