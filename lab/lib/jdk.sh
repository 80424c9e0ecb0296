# Finds JDKs. Sourced.
# shellcheck shell=bash

# jdk VERSION: the home of an installed JDK of that feature version.
jdk() {
  local home
  for home in "${JAVA_HOME:-/nonexistent}" /usr/lib/jvm/* /opt/java/* "$HOME"/.sdkman/candidates/java/*; do
    if [[ -x $home/bin/javac && ! -L $home && $("$home/bin/javac" -version 2>&1) =~ ^javac\ $1([.-]|$) ]]; then
      echo "$home"
      return 0
    fi
  done
  return 1
}

# any_jdk: the home of the javac on the PATH.
any_jdk() {
  dirname "$(dirname "$(readlink -f "$(command -v javac)")")"
}
