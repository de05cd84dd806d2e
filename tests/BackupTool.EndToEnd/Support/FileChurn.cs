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
            if (i == 20) Console.WriteLine("ready");
        }
    }
}
