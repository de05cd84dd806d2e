using BackupTool.Posix;

namespace BackupTool.Tests.TestSupport;

/// <summary>A fresh directory that goes away, with everything in it, when it is disposed.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory() => Text = Directory.CreateTempSubdirectory("backup-test-").FullName;

    public string Text { get; }

    public BytePath Path => BytePath.From(Text);

    public string Below(string name) => System.IO.Path.Combine(Text, name);

    /// <summary>Makes an empty directory in it.</summary>
    public string Make(string name) => Directory.CreateDirectory(Below(name)).FullName;

    // Not Directory.Delete: it cannot remove names that are not UTF-8.
    public void Dispose() => PosixDirectory.Current.RemoveTree(Path);
}
