using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using BackupTool.Repositories;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Golden;

/// <summary>Freezes the JSON of format 1, and how strictly it is read.</summary>
public sealed class JsonGoldenTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    private LocalStorage Storage => new(_there.Path);

    public void Dispose() => _there.Dispose();

    [Fact]
    public void Repository_json_looks_like_this() => new RepositoryFormat
    {
        FormatVersion = 1,
        Id = "0123456789abcdef0123456789abcdef",
        CreatedAt = new DateTimeOffset(2026, 11, 23, 2, 30, 0, TimeSpan.Zero),
        ToolVersion = "0.1.0",
        Chunking = ChunkingParameters.Default,
        Recipients = [],
    }.Serialize().Should().Equal(Encoding.UTF8.GetBytes(GoldenFile.Read("repository.json")));

    [Fact]
    public async Task Repository_json_is_read_again()
    {
        Repository repository = await OpenAsync(GoldenFile.Read("repository.json"));
        repository.Format.Chunking.Should().Be(ChunkingParameters.Default);
        repository.Format.Serialize().Should().Equal(Encoding.UTF8.GetBytes(GoldenFile.Read("repository.json")));
    }

    public static TheoryData<string, string> OtherRepositories => new()
    {
        { "\"formatVersion\": 1", "\"formatVersion\": 2" },
        { "\"recipients\": []", "\"recipients\": [ \"age1xyz\" ]" },
    };

    [Theory]
    [MemberData(nameof(OtherRepositories))]
    public async Task A_repository_of_another_kind_is_not_opened(string from, string to) =>
        await FluentActions.Awaiting(() => OpenAsync(GoldenFile.Read("repository.json").Replace(from, to))).Should().ThrowAsync<UnsupportedFormatException>();

    public static TheoryData<string, string> DamagedRepositories => new()
    {
        { "{", "" },
        { "\"formatVersion\": 1,", "" },
        { "\"formatVersion\": 1", "\"formatVersion\": \"1\"" },
        { "\"formatVersion\": 1", "\"formatVersion\": 1.5" },
        { "\"minBytes\": 262144,", "" },
        { "\"minBytes\": 262144", "\"minBytes\": 0" },
        { "\"maxBytes\": 4194304", "\"maxBytes\": 4194304000" },
        { "\"toolVersion\"", "\"somethingElse\"" },
        { "\"recipients\": []", "\"recipients\": null" },
        { "\"id\": \"0123456789abcdef0123456789abcdef\"", "\"id\": null" },
        { "\"recipients\": []", "\"recipients\": [], \"formatVersion\": 1" },
        { "\"id\": \"0123456789abcdef0123456789abcdef\"", "\"id\": \"../../etc\"" },
    };

    [Theory]
    [MemberData(nameof(DamagedRepositories))]
    public async Task Anything_else_is_damage(string from, string to) =>
        (await FluentActions.Awaiting(() => OpenAsync(GoldenFile.Read("repository.json").Replace(from, to))).Should().ThrowAsync<RepositoryDamagedException>())
            .Which.FileName.Should().Be("repository.json");

    [Fact]
    public async Task A_repository_json_of_megabytes_is_damage() =>
        await FluentActions.Awaiting(() => OpenAsync(new string(' ', 2 << 20))).Should().ThrowAsync<RepositoryDamagedException>();

    private async Task<Repository> OpenAsync(string json)
    {
        await Storage.PutAsync("repository.json", Encoding.UTF8.GetBytes(json), Test.Token);
        return await Repository.OpenAsync(Storage, Test.Token);
    }

    [Theory]
    [InlineData("snapshot-1.json")]
    [InlineData("snapshot.json")]
    public async Task A_snapshot_is_read_and_written_as_it_stands_here(string file)
    {
        string golden = GoldenFile.Read(file);
        Repository repository = await OpenAsync(GoldenFile.Read("repository.json"));
        StoredSnapshot read = await repository.ReadSnapshotAsync(await PutSnapshotAsync(golden), Test.Token);
        read.Snapshot.Services.Should().HaveCount(2);
        StoredSnapshot committed = await repository.CommitAsync(read.Snapshot, Test.Token);
        committed.Id.Should().Be(read.Id, "the same bytes have the same name");
        (await File.ReadAllTextAsync(_there.Below(committed.Id.FileName), Test.Token)).Should().Be(golden);
    }

    [Fact]
    public void Every_member_of_a_snapshot_is_in_the_golden_file()
    {
        Snapshot snapshot = JsonSerializer.Deserialize(GoldenFile.Read("snapshot.json"), RepositoryJson.Default.Snapshot)!;
        snapshot.GetType().GetProperties().Where(p => p.GetValue(snapshot) is null).Should().BeEmpty();
        ServiceSnapshot service = snapshot.Services[0];
        service.GetType().GetProperties().Where(p => p.GetValue(service) is null).Should().BeEmpty();
    }

    public static TheoryData<string, string> OtherSnapshots => new()
    {
        { "\"formatVersion\": 2", "\"formatVersion\": 3" },
        { "\"formatVersion\": 2", "\"formatVersion\": 0" },
        { "\"pinned\": true", "\"pinned\": true, \"unknown\": 1" },
        { "\"files\": 7", "\"files\": 7, \"unknown\": 1" },
        { "\"host\": \"matrix\",", "" },
        { "\"labels\": [\n    \"pre-upgrade\"\n  ]", "\"labels\": null" },
        { "\"kind\": \"maubot\"", "\"kind\": null" },
        { "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"", "\"ba78\"" },
        { "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"", "null" },
    };

    [Theory]
    [MemberData(nameof(OtherSnapshots))]
    public async Task A_snapshot_of_which_this_version_does_not_understand_everything_is_refused(string from, string to)
    {
        Repository repository = await OpenAsync(GoldenFile.Read("repository.json"));
        string changed = GoldenFile.Read("snapshot.json").Replace(from, to);
        changed.Should().NotBe(GoldenFile.Read("snapshot.json"));
        SnapshotId id = await PutSnapshotAsync(changed);
        (await FluentActions.Awaiting(async () => await repository.ReadSnapshotAsync(id, Test.Token)).Should().ThrowAsync<UnsupportedFormatException>())
            .Which.Message.Should().Contain(id.FileName);
    }

    [Fact]
    public async Task A_snapshot_of_another_repository_is_refused()
    {
        Repository repository = await OpenAsync(GoldenFile.Read("repository.json").Replace("0123456789abcdef", "fedcba9876543210"));
        SnapshotId id = await PutSnapshotAsync(GoldenFile.Read("snapshot.json"));
        (await FluentActions.Awaiting(async () => await repository.ReadSnapshotAsync(id, Test.Token)).Should().ThrowAsync<RepositoryDamagedException>())
            .Which.Problem.Should().Contain("another repository");
    }

    private async Task<SnapshotId> PutSnapshotAsync(string json)
    {
        byte[] content = Encoding.UTF8.GetBytes(json);
        string name = $"snapshots/{Convert.ToHexStringLower(SHA256.HashData(content))}.json";
        await Storage.PutAsync(name, content, Test.Token);
        return SnapshotId.TryParseFileName(name, out SnapshotId? id) ? id.Value : throw new FormatException(name);
    }

    [Fact]
    public async Task Restore_sh_lists_the_services_of_a_snapshot_but_not_those_that_failed()
    {
        Repository repository = await Repository.InitializeAsync(Storage, TimeProvider.System, "test", Test.Token);
        JsonNode json = JsonNode.Parse(GoldenFile.Read("snapshot.json"))!;
        json["repositoryId"] = repository.Format.Id;
        await repository.CommitAsync(json.Deserialize(RepositoryJson.Default.Snapshot)!, Test.Token);
        Tool.Run("sh", _there.Below("restore.sh"), "latest").Should().Be("maubot\nfiles\n");
        Tool.Run("sh", _there.Below("restore.sh")).Should().EndWith("maubot files  (pre-upgrade)\n");
        Tool.Try("sh", _there.Below("restore.sh"), "latest", "slack").ExitCode.Should().NotBe(0);
    }
}
