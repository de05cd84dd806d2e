using BackupTool.Tests.Repositories.Archives;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Golden;

/// <summary>What FORMAT.md tells people to type does what it says.</summary>
public class FormatDocumentTests
{
    [Fact]
    public async Task The_commands_by_hand_give_the_stream_and_any_file_of_it()
    {
        using TreeBackup backup = await TreeBackup.CreateAsync();
        for (int i = 0; i < 30; i++) await File.WriteAllBytesAsync(Path.Combine(backup.Tree, $"small-{i}"), PseudoRandom.Bytes(i * 333, (ulong)i), Test.Token);
        await File.WriteAllBytesAsync(Path.Combine(backup.Tree, "large"), PseudoRandom.Bytes(3_000_000, 1), Test.Token);
        TreeBackupResult result = await backup.RunAsync();
        string document = GoldenFile.ReadSource("src/BackupTool.Repositories/FORMAT.md");
        string commands = document[(document.IndexOf("```sh\n", StringComparison.Ordinal) + 6)..document.LastIndexOf("```", StringComparison.Ordinal)]
            .Replace("/tmp/", $"{backup.There.Text}/");
        foreach (string name in new[] { "small-7", "large", "small-0" })
        {
            string setting = $"set -eu; cd {backup.Place}; snapshot={result.Snapshot!.Id.FileName}; service=tree; path={Path.Combine(backup.Tree, name)[1..]}\n";
            Tool.Shell($"({setting}{commands}) > {backup.There.Below("file")}");
            Tool.Run("cmp", backup.There.Below("file"), Path.Combine(backup.Tree, name));
        }
        (await File.ReadAllBytesAsync(backup.There.Below("service.tar"), Test.Token)).AsSpan().SequenceEqual(backup.Read(result.Archive)).Should().BeTrue();
    }

    [Fact]
    public async Task Restore_sh_gives_the_same_stream()
    {
        using TreeBackup backup = await TreeBackup.CreateAsync();
        for (int i = 0; i < 300; i++) await File.WriteAllBytesAsync(Path.Combine(backup.Tree, $"small-{i}"), PseudoRandom.Bytes(i * 333, (ulong)i), Test.Token);
        await File.WriteAllBytesAsync(Path.Combine(backup.Tree, "large"), PseudoRandom.Bytes(40_000_000, 1), Test.Token);
        TreeBackupResult result = await backup.RunAsync();
        Tool.Shell($"sh {backup.Place}/restore.sh {result.Snapshot!.Id.Hex[..6]} tree > {backup.There.Below("a.tar")}");
        (await File.ReadAllBytesAsync(backup.There.Below("a.tar"), Test.Token)).AsSpan().SequenceEqual(backup.Read(result.Archive)).Should().BeTrue();
    }
}
