/* gerror.h - EmError's face above the line.
 *
 * One GError domain for all of Earmark's GLib half: its codes are EmStatus, its messages one line
 * that says what, where and what to do. Layers that cannot see this header use the same name for
 * the quark, so errors compare equal wherever they were made. */
#pragma once
#include <glib.h>
#include "base/error.h"

#define EM_ERROR (g_quark_from_static_string ("earmark-error"))
