namespace BackupTool.Benchmarks.Data;

/// <summary>What is generated: the state of a homeserver in its kinds of files.</summary>
/// <param name="SmallFileCount">Files of 1–12 KiB.</param>
/// <param name="SqliteBytes">Size of the SQLite database.</param>
/// <param name="RocksDbRawBytes">Keys and values before RocksDB compresses them.</param>
/// <param name="MediaBytes">Incompressible files.</param>
/// <param name="LogBytes">Text.</param>
internal sealed record DataSet(int SmallFileCount, long SqliteBytes, long RocksDbRawBytes, long MediaBytes, long LogBytes)
{
    private const long MB = 1_000_000;

    /// <summary>L: about 3.9 GB in 21,000 files; S: about 1 GB in 3,000; tiny: about 25 MB.</summary>
    public static DataSet? Named(string size) => size switch
    {
        "L" => new(20_000, 890 * MB, 1_600 * MB, 1_200 * MB, 750 * MB),
        "S" => new(2_500, 240 * MB, 430 * MB, 320 * MB, 200 * MB),
        "tiny" => new(200, 6 * MB, 10 * MB, 6 * MB, 4 * MB),
        _ => null,
    };

    /// <summary>Makes it in an empty or new directory.</summary>
    public void Generate(string directory, ulong seed) => Parallel.Invoke(
        () => SqliteStore.Generate(Path.Combine(directory, "sqlite", "homeserver.db"), SqliteBytes, seed),
        () => RocksDbStore.Generate(Path.Combine(directory, "rocksdb"), RocksDbRawBytes, seed),
        () => MediaFiles.Generate(Path.Combine(directory, "media"), MediaBytes, seed),
        () => LogFiles.Generate(Path.Combine(directory, "log"), LogBytes, seed),
        () => SmallFiles.Generate(Path.Combine(directory, "small"), SmallFileCount, seed));

    /// <summary>Changes about one percent of a generated directory, as a night does.</summary>
    public static void Mutate(string directory, ulong seed)
    {
        SqliteStore.Mutate(Path.Combine(directory, "sqlite", "homeserver.db"), seed);
        RocksDbStore.Mutate(Path.Combine(directory, "rocksdb"), seed);
        MediaFiles.Mutate(Path.Combine(directory, "media"), seed);
        LogFiles.Mutate(Path.Combine(directory, "log"), seed);
        SmallFiles.Mutate(Path.Combine(directory, "small"), seed);
    }

    /// <summary>Bytes of all files below a directory.</summary>
    public static long SizeOf(string directory) =>
        new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}
