#!/usr/bin/env bash
# Makes the gSOAP client and service: build.sh FOLDER, where FOLDER has coconnect.wsdl and its schemas. wsdl2h makes a
# header of them, soapcpp2 stubs and skeletons, and the wsse and wsa plugins of the package come beside.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
share=/usr/share/gsoap
cd "$1"
wsdl2h -c++ -t "$here/typemap.dat" -o coconnect.h coconnect.wsdl
# The plugins need their header elements; soap12.h would make SOAP 1.2 the default.
sed -i '0,/^#import "soap12.h"/s//#import "wsse.h"\n#import "wsa5.h"/; s/^#import "soap12.h"//' coconnect.h
mkdir -p stubs
soapcpp2 -L -x -w -I$share/import:$share -d stubs coconnect.h
cd stubs
flags="-w -O0 -DWITH_OPENSSL -DWITH_GZIP -DWITH_DOM -DWITH_IPV6 -I. -I$share -I$share/plugin -I$share/custom"
jobs=()
compile() { g++ $flags "$@" & jobs+=($!); }
for source in soapC.cpp soapClient.cpp soapServer.cpp $share/plugin/wsseapi.cpp "$here/client.cpp"; do compile -std=c++17 -c "$source"; done
for source in plugin/wsaapi plugin/smdevp plugin/mecevp plugin/threads custom/struct_timeval; do
  compile -x c++ -c $share/$source.c
done
compile -std=c++17 -c "$here/../../services/gsoap.cpp" -o service.o
for job in "${jobs[@]}"; do wait "$job"; done
both="soapC.o wsseapi.o wsaapi.o smdevp.o mecevp.o threads.o struct_timeval.o -lgsoapssl++ -lssl -lcrypto -lz -lpthread"
g++ client.o soapClient.o $both -o ../client
g++ service.o soapServer.o $both -o ../service
