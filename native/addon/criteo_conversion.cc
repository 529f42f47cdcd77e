#include "addon/criteo_conversion.h"

#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>
#include <vector>

#include "criteo/criteo_error.h"

namespace pss::addon {

namespace {

using criteo::RejectReason;

static_assert(std::is_trivially_copyable_v<criteo::HyperLogLog> &&
              sizeof(criteo::HyperLogLog) == criteo::HyperLogLog::kRegisters);

double to_double(uint64_t value) {
  return static_cast<double>(value);
}

uint64_t count_of(const Napi::Object& object, const char* key) {
  return static_cast<uint64_t>(object.Get(key).As<Napi::Number>().Int64Value());
}

RejectReason reason_named(std::string_view name) {
  size_t reason = 0;
  while (reason + 1 < static_cast<size_t>(RejectReason::kCount) &&
         criteo::reject_reason_name(static_cast<RejectReason>(reason)) != name) {
    ++reason;
  }
  return static_cast<RejectReason>(reason);
}

Napi::Object position_to_js(Napi::Env env, const criteo::Position& position) {
  auto result = Napi::Object::New(env);
  result.Set("input", position.file);
  result.Set("offset", to_double(position.offset));
  result.Set("lines", to_double(position.lines));
  result.Set("skippedRows", to_double(position.skipped_rows));
  result.Set("summary", summary_to_js(env, position.summary));
  return result;
}

criteo::Summary summary_from_js(const Napi::Object& object) {
  criteo::Summary summary;
  const auto files = object.Get("inputs").As<Napi::Array>();
  for (uint32_t i = 0; i < files.Length(); ++i) {
    const auto file = files.Get(i).As<Napi::Object>();
    summary.files.push_back({count_of(file, "rows"), count_of(file, "rejected"),
                             file.Get("truncated").As<Napi::Boolean>().Value()});
  }
  const auto rejected = object.Get("rejected").As<Napi::Object>();
  for (size_t i = 0; i < summary.rejected.size(); ++i) {
    const char* name = criteo::reject_reason_name(static_cast<RejectReason>(i));
    if (rejected.Has(name)) summary.rejected[i] = count_of(rejected, name);
  }
  const auto samples = object.Get("samples").As<Napi::Array>();
  for (uint32_t i = 0; i < samples.Length(); ++i) {
    const auto sample = samples.Get(i).As<Napi::Object>();
    summary.samples.push_back({static_cast<uint32_t>(count_of(sample, "input")),
                               {reason_named(sample.Get("reason").As<Napi::String>().Utf8Value()),
                                count_of(sample, "line"), sample.Get("excerpt").As<Napi::String>()}});
  }
  return summary;
}

}  // namespace

Napi::Error make_criteo_error(Napi::Env env, const char* code, const std::string& message,
                              const std::string& file) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", code);
  if (!file.empty()) error.Set("file", file);
  return error;
}

Napi::Error current_criteo_error(Napi::Env env) {
  try {
    throw;
  } catch (const criteo::CriteoError& error) {
    return make_criteo_error(env, error.code(), error.what(), error.file());
  } catch (const std::bad_alloc&) {
    return make_criteo_error(env, "ERR_MEMORY", "Memory ran out while reading rows.");
  } catch (const std::exception& error) {
    return make_criteo_error(env, "ERR_INTERNAL", error.what());
  }
}

Napi::Object summary_to_js(Napi::Env env, const criteo::Summary& summary) {
  auto result = Napi::Object::New(env);
  auto files = Napi::Array::New(env);
  for (const criteo::FileCounts& file : summary.files) {
    auto entry = Napi::Object::New(env);
    entry.Set("rows", to_double(file.rows));
    entry.Set("rejected", to_double(file.rejected));
    entry.Set("truncated", file.truncated);
    files.Set(files.Length(), entry);
  }
  result.Set("inputs", files);
  auto reasons = Napi::Object::New(env);
  for (size_t i = 0; i < summary.rejected.size(); ++i) {
    if (summary.rejected[i] == 0) continue;
    reasons.Set(criteo::reject_reason_name(static_cast<RejectReason>(i)), to_double(summary.rejected[i]));
  }
  result.Set("rejected", reasons);
  auto samples = Napi::Array::New(env);
  for (const criteo::Summary::Sample& sample : summary.samples) {
    auto entry = Napi::Object::New(env);
    entry.Set("input", sample.file);
    entry.Set("line", to_double(sample.reject.line));
    entry.Set("reason", criteo::reject_reason_name(sample.reject.reason));
    entry.Set("excerpt", sample.reject.excerpt);
    samples.Set(samples.Length(), entry);
  }
  result.Set("samples", samples);
  return result;
}

Napi::Object batch_to_js(Napi::Env env, const criteo::Batch& batch, bool with_encoded) {
  auto result = Napi::Object::New(env);
  result.Set("slot", batch.slot);
  result.Set("rows", batch.rows);
  result.Set("clicks", to_double(batch.clicks));
  result.Set("bytesRead", to_double(batch.bytes_read));
  auto segments = Napi::Array::New(env, batch.segments.size());
  for (uint32_t i = 0; i < batch.segments.size(); ++i) {
    auto segment = Napi::Object::New(env);
    segment.Set("input", batch.segments[i].file);
    segment.Set("rows", batch.segments[i].rows);
    segments.Set(i, segment);
  }
  result.Set("segments", segments);
  result.Set("end", position_to_js(env, batch.end));
  if (with_encoded) {
    auto encoded = Napi::Object::New(env);
    encoded.Set("values", counts_to_js(env, batch.encoded.values));
    encoded.Set("pending", counts_to_js(env, batch.encoded.pending));
    result.Set("encoded", encoded);
  }
  return result;
}

criteo::Position position_from_js(const Napi::Object& position) {
  return {static_cast<uint32_t>(count_of(position, "input")), count_of(position, "offset"),
          count_of(position, "lines"), count_of(position, "skippedRows"),
          summary_from_js(position.Get("summary").As<Napi::Object>())};
}

Napi::Array counts_to_js(Napi::Env env, const std::array<uint64_t, criteo::kNumTables>& counts) {
  auto result = Napi::Array::New(env, counts.size());
  for (uint32_t i = 0; i < counts.size(); ++i) result.Set(i, to_double(counts[i]));
  return result;
}

std::array<uint64_t, criteo::kNumTables> counts_from_js(const Napi::Value& counts) {
  std::array<uint64_t, criteo::kNumTables> result{};
  const auto array = counts.As<Napi::Array>();
  for (uint32_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<uint64_t>(array.Get(i).As<Napi::Number>().Int64Value());
  }
  return result;
}

Napi::Value sketches_to_js(Napi::Env env, const criteo::DistinctSketches& sketches) {
  auto bytes = Napi::Uint8Array::New(env, sizeof sketches);
  std::memcpy(bytes.Data(), sketches.data(), sizeof sketches);
  return bytes;
}

std::unique_ptr<criteo::DistinctSketches> sketches_from_js(const Napi::Uint8Array& bytes) {
  auto sketches = std::make_unique<criteo::DistinctSketches>();
  if (bytes.ByteLength() != sizeof *sketches) {
    throw Napi::RangeError::New(bytes.Env(), "sketches: has the wrong length");
  }
  std::memcpy(sketches->data(), bytes.Data(), sizeof *sketches);
  return sketches;
}

}  // namespace pss::addon
