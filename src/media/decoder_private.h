/* decoder_private.h - what playback shares with the decoder. */
#pragma once
#include "media/em-decoder.h"
#include "media/units.h"

EmUnits *em_decoder_units (EmDecoder *self); /* (transfer none) */
