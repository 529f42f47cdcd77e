import { ByteBuffer } from 'flatbuffers';

/**
 * apache-arrow believes what the metadata of a file says of lengths: a damaged one can claim four billion columns or buffers, and a reader
 * would count through them all. Nothing is longer than the buffer it lies in, though, since an element takes a byte at least.
 */
const believingLength = ByteBuffer.prototype.__vector_len;
ByteBuffer.prototype.__vector_len = function boundedLength(offset) {
  const length = believingLength.call(this, offset);
  if (length < 0 || length > this.capacity()) {
    throw new RangeError(`a list of ${length} entries in ${this.capacity()} bytes of metadata`);
  }
  return length;
};
