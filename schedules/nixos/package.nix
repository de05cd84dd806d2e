# A package of the published program (dotnet publish src/BackupTool.Cli -c Release -r linux-x64 -o published): the directory is put beside this file, or named by `published`. It is not built from source
# here: Native AOT needs NuGet packages that nobody has locked for Nix yet.
{ lib, stdenv, autoPatchelfHook, makeWrapper, zlib, openssl, postgresql, systemd, util-linux, published ? ./published }:

stdenv.mkDerivation {
  pname = "backup";
  version = "0";

  src = builtins.path { path = published; name = "backup-published"; };

  # The data of a native program of .NET are behind its code: nothing may be stripped.
  dontStrip = true;

  nativeBuildInputs = [ autoPatchelfHook makeWrapper ];
  buildInputs = [ stdenv.cc.cc.lib zlib ];
  runtimeDependencies = [ openssl ];

  # Its own libraries are looked for beside it. systemctl, journalctl and PostgreSQL's programs are these only when the path has no others.
  installPhase = ''
    runHook preInstall
    install -Dm755 backup $out/libexec/backup/backup
    install -m644 -t $out/libexec/backup *.so
    makeWrapper $out/libexec/backup/backup $out/bin/backup --suffix PATH : ${lib.makeBinPath [ systemd util-linux postgresql ]}
    runHook postInstall
  '';

  meta = {
    description = "Backs up a self-hosted Matrix stack, and restores it";
    mainProgram = "backup";
    platforms = [ "x86_64-linux" "aarch64-linux" ];
  };
}
