// What weak_symbols.sh must find: an inline function that the compiler had to emit.
namespace planted {

template <class T>
__attribute__((noinline)) T shared_between_objects(T x) {
  return x * x + 1;
}

float kernel(float x) { return shared_between_objects(x); }

}  // namespace planted
