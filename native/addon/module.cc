#include <napi.h>

#include "addon/chunks_binding.h"
#include "addon/criteo_binding.h"
#include "addon/engine_binding.h"
#include "addon/file_binding.h"
#include "addon/machine_binding.h"
#include "addon/rows_binding.h"
#include "addon/synth_binding.h"
#include "addon/vocabulary_binding.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  pss::init_engine(env, exports);
  pss::init_machine(env, exports);
  pss::init_chunks(env, exports);
  pss::init_rows(env, exports);
  pss::addon::register_criteo(env, exports);
  pss::addon::register_vocabulary(env, exports);
  pss::addon::register_files(env, exports);
  pss::addon::register_synth(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(pss, init)
