// Conversions between floating-point formats that others are made of.
#pragma once

#include "translate/vector_emitter.h"

namespace beeline::translate {

/// xmm0 = its doubles in single precision, rounded to odd if normal there: what is lost sets the last bit that is kept,
/// and inexact is not raised. Changes xmm1, xmm2.
void round_to_odd(VectorEmitter& w);

} // namespace beeline::translate
