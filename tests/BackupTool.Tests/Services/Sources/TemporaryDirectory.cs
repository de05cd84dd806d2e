using System.Diagnostics;
using BackupTool.Posix;

namespace BackupTool.Tests.Services.Sources;

/// <summary>A fresh directory that goes away with everything in it, however deep or oddly named.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory() => Text = Directory.CreateTempSubdirectory("sources-").FullName;

    public string Text { get; }

    public BytePath Path => BytePath.From(Text);

    public string File(string name) => System.IO.Path.Combine(Text, name);

    public void Dispose()
    {
        using var remove = Process.Start("rm", ["-rf", "--", Text]);
        remove.WaitForExit();
    }
}
