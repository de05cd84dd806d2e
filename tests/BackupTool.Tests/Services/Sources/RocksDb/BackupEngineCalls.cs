using System.Runtime.InteropServices;

namespace BackupTool.Tests.Services.Sources.RocksDb;

/// <summary>RocksDB's own backup engine, as a homeserver uses it, through the C interface that the managed package has no class for.</summary>
internal sealed unsafe partial class BackupEngineCalls : IDisposable
{
    private readonly nint _options, _engine;

    internal BackupEngineCalls(string directory, int schemaVersion = 1, bool isShared = true, bool hasChecksumNames = true, bool hasLegacyNames = false)
    {
        _options = rocksdb_backup_engine_options_create(directory);
        rocksdb_backup_engine_options_set_schema_version(_options, schemaVersion);
        rocksdb_backup_engine_options_set_share_table_files(_options, isShared ? (byte)1 : (byte)0);
        rocksdb_backup_engine_options_set_share_files_with_checksum(_options, hasChecksumNames ? (byte)1 : (byte)0);
        if (hasLegacyNames) rocksdb_backup_engine_options_set_share_files_with_checksum_naming(_options, 1 /* kLegacyCrc32cAndFileSize */);
        byte* error = null;
        _engine = rocksdb_backup_engine_open_opts(_options, rocksdb_create_default_env(), &error);
        Check(error);
    }

    internal void Create(RocksDbSharp.RocksDb database, bool flush = true)
    {
        byte* error = null;
        rocksdb_backup_engine_create_new_backup_flush(_engine, database.Handle, flush ? (byte)1 : (byte)0, &error);
        Check(error);
    }

    internal void Purge(uint keep)
    {
        byte* error = null;
        rocksdb_backup_engine_purge_old_backups(_engine, keep, &error);
        Check(error);
    }

    internal void Restore(uint number, string directory)
    {
        byte* error = null;
        nint options = rocksdb_restore_options_create();
        rocksdb_backup_engine_restore_db_from_backup(_engine, directory, directory, options, number, &error);
        rocksdb_restore_options_destroy(options);
        Check(error);
    }

    public void Dispose()
    {
        rocksdb_backup_engine_close(_engine);
        rocksdb_backup_engine_options_destroy(_options);
    }

    private static void Check(byte* error)
    {
        if (error is null) return;
        string text = Marshal.PtrToStringUTF8((nint)error)!;
        rocksdb_free(error);
        throw new InvalidOperationException(text);
    }

    [LibraryImport("rocksdb", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint rocksdb_backup_engine_options_create(string directory);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_backup_engine_options_destroy(nint options);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_backup_engine_options_set_schema_version(nint options, int version);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_backup_engine_options_set_share_table_files(nint options, byte value);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_backup_engine_options_set_share_files_with_checksum(nint options, byte value);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_backup_engine_options_set_share_files_with_checksum_naming(nint options, int value);

    [LibraryImport("rocksdb")]
    private static partial nint rocksdb_create_default_env();

    [LibraryImport("rocksdb")]
    private static partial nint rocksdb_backup_engine_open_opts(nint options, nint environment, byte** error);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_backup_engine_create_new_backup_flush(nint engine, nint database, byte flush, byte** error);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_backup_engine_purge_old_backups(nint engine, uint keep, byte** error);

    [LibraryImport("rocksdb")]
    private static partial nint rocksdb_restore_options_create();

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_restore_options_destroy(nint options);

    [LibraryImport("rocksdb", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void rocksdb_backup_engine_restore_db_from_backup(nint engine, string directory, string logDirectory, nint options, uint number, byte** error);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_backup_engine_close(nint engine);

    [LibraryImport("rocksdb")]
    private static partial void rocksdb_free(void* memory);
}
