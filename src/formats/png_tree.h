/* png_tree.h - reading one clip of a tree with a picture per object and frame. */
#pragma once
#include "base/tracks.h"

/* What is in `folder`:
 *
 *   001/00000.png   0 outside, anything else inside; no file: not labelled
 *   frames.csv      frame,pts_ns
 *   objects.csv     object,name,class,color
 *   sounding.csv    object,start_ns,end_ns (without the file all sound always)
 *
 * Masks are approved, empty ones absent. The last frame lasts as long as the one before it. NULL
 * with EM_E_INPUT and what makes no sense. */
EmTracks *em_png_tree_read (const char *folder, const char *name, EmError *err);
