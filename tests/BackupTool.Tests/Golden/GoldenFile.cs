namespace BackupTool.Tests.Golden;

/// <summary>The files beside this one: what format 1 looks like. They are never regenerated; a change to them is a new format.</summary>
internal static class GoldenFile
{
    internal static string Read(string name) => ReadSource($"tests/BackupTool.Tests/Golden/{name}");

    /// <summary>Any file of the sources.</summary>
    internal static string ReadSource(string name)
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "BackupTool.sln"))) directory = Path.GetDirectoryName(directory);
        return File.ReadAllText(Path.Combine(directory!, name));
    }
}
