using BackupTool.Posix;

namespace BackupTool.EndToEnd.Support;

/// <summary>A service that never keeps its files still: one grows, one shrinks and grows, one is replaced, some come and go, directories too.</summary>
internal static class FileChurn
{
    internal static void Churn(string directory)
    {
        Func<bool> ended = ChildProcess.WatchInput();
        var random = new Random(3);
        var block = new byte[200_000];
        string At(string name) => Path.Combine(directory, name);
        using var growing = new FileStream(At("growing"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        using var breathing = new FileStream(At("breathing"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        for (int i = 0; !ended(); i++)
        {
            random.NextBytes(block.AsSpan(0, 100));
            if (growing.Length < 200_000_000) growing.Write(block);
            growing.Flush();
            breathing.SetLength(random.Next(3_000_000));
            breathing.Position = random.Next(1_000_000);
            breathing.Write(block);
            breathing.Flush();
            File.WriteAllBytes(At("new"), block);
            File.Move(At("new"), At("replaced"), overwrite: true);
            string here = At($"coming-{i % 50}"), subdirectory = At($"directory-{i % 7}");
            File.WriteAllText(here, "here");
            if (i % 50 > 10) File.Delete(At($"coming-{(i % 50) - 10}"));
            Directory.CreateDirectory(subdirectory);
            File.WriteAllText(Path.Combine(subdirectory, "inside"), "inside");
            if (i % 2 == 0) Directory.Delete(subdirectory, recursive: true);
            LinkAndUnlink(directory, i);
            if (i == 20) Console.WriteLine("ready");
        }
    }

    /// <summary>Two names of one file, of which the first goes, or becomes another file, while the second stays: whoever stored the first as the content must not lose the second.</summary>
    private static void LinkAndUnlink(string directory, int round)
    {
        string first = Path.Combine(directory, $"link-{round % 30}-a"), second = Path.Combine(directory, $"link-{round % 30}-b");
        File.Delete(first);
        File.Delete(second);
        File.WriteAllText(first, "linked");
        PosixDirectory.Current.CreateHardLink(BytePath.From(first), PosixDirectory.Current, BytePath.From(second));
        File.Delete(Path.Combine(directory, $"link-{(round + 10) % 30}-a"));
        File.WriteAllText(Path.Combine(directory, "new"), "replaced");
        File.Move(Path.Combine(directory, "new"), Path.Combine(directory, $"link-{(round + 20) % 30}-a"), overwrite: true);
    }

    /// <summary>A service that swaps a directory of its own for a link to one that is not its own, and back, as fast as it can.</summary>
    internal static void Swap(string directory, string outside)
    {
        Func<bool> ended = ChildProcess.WatchInput();
        string aside = directory + "-aside";
        Console.WriteLine("ready");
        for (var random = new Random(9); !ended(); Thread.SpinWait(random.Next(100_000)))
        {
            if (Directory.Exists(aside))
            {
                File.Delete(directory);
                Directory.Move(aside, directory);
            }
            else
            {
                Directory.Move(directory, aside);
                File.CreateSymbolicLink(directory, outside);
            }
        }
    }
}
