using BackupTool.Posix;

namespace BackupTool.Tests.TestSupport;

/// <summary>A fresh directory that goes away, with everything in it, when it is disposed.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory() => Text = Directory.CreateTempSubdirectory("backup-test-").FullName;

    private TemporaryDirectory(string text) => Text = text;

    /// <summary>One in memory, where flushing costs nothing; an ordinary one where memory file systems cannot hold extended attributes.</summary>
    public static TemporaryDirectory InMemory()
    {
        const string memory = "/dev/shm";
        if (!Directory.Exists(memory)) return new TemporaryDirectory();
        var there = new TemporaryDirectory(Directory.CreateDirectory(System.IO.Path.Combine(memory, $"backup-test-{Guid.NewGuid():N}")).FullName);
        try
        {
            PosixDirectory.Current.SetExtendedAttribute(there.Path, new ExtendedAttribute(BytePath.From("user.test"), [1]));
            return there;
        }
        catch (PosixException)
        {
            there.Dispose();
            return new TemporaryDirectory();
        }
    }

    public string Text { get; }

    public BytePath Path => BytePath.From(Text);

    public string Below(string name) => System.IO.Path.Combine(Text, name);

    /// <summary>Makes an empty directory in it.</summary>
    public string Make(string name) => Directory.CreateDirectory(Below(name)).FullName;

    // Not Directory.Delete: it cannot remove names that are not UTF-8.
    public void Dispose() => PosixDirectory.Current.RemoveTree(Path);
}
