// SPDX-License-Identifier: MIT
// inline.cc - what <fondue/shared.h> asks C++ programs not to do
//
// An inline variable, a template's static member and a static of an inline function go to
// COMDAT groups, of which clang makes pieces of their own that nothing pads.
#include <fondue/shared.h>

#ifdef WITH_ORDINARY
FONDUE_SHARED int pot_ordinary = 1;
#endif

#ifdef TEMPLATE
template <typename T> struct holder {
	static T pot_member;
};
template <typename T> FONDUE_SHARED T holder<T>::pot_member = 2;
extern "C" int *use_inline()
{
	return &holder<int>::pot_member;
}
#elif defined(LOCAL_STATIC)
inline int *local()
{
	static FONDUE_SHARED int pot_local_inline = 3;
	return &pot_local_inline;
}
extern "C" int *use_inline()
{
	return local();
}
#else
inline FONDUE_SHARED int pot_inline = 4;
extern "C" int *use_inline()
{
	return &pot_inline;
}
#endif
