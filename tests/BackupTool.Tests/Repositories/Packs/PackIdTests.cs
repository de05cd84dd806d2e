using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Tests.Repositories.Packs;

public class PackIdTests
{
    private const string Hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    [Fact]
    public void A_pack_lies_in_a_folder_of_its_first_two_digits()
    {
        PackId.TryParse(Hex, out PackId? id).Should().BeTrue();
        id!.Value.FileName.Should().Be($"packs/ba/{Hex}.zst");
        PackId.TryParseFileName(id.Value.FileName, out PackId? read).Should().BeTrue();
        read.Should().Be(id);
    }

    [Theory]
    [InlineData($"packs/bb/{Hex}.zst")]
    [InlineData($"packs/{Hex}.zst")]
    [InlineData($"packs/ba/{Hex}.zst.age")]
    [InlineData($"packs/ba/{Hex}")]
    [InlineData($"index/ba/{Hex}.zst")]
    [InlineData($"packs/ba/x{Hex}.zst")]
    [InlineData("packs/ba/BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.zst")]
    [InlineData("packs/")]
    [InlineData("")]
    public void Other_names_are_no_pack_s(string name) => PackId.TryParseFileName(name, out _).Should().BeFalse();

    [Theory]
    [InlineData($"snapshots/{Hex}.json", true)]
    [InlineData($"snapshots/{Hex}.json.age", false)]
    [InlineData($"snapshots/ba/{Hex}.json", false)]
    [InlineData("snapshots/.json", false)]
    [InlineData("snapshots/a.json", false)]
    public void A_snapshot_is_told_by_its_name(string name, bool isSnapshot)
    {
        SnapshotId.TryParseFileName(name, out SnapshotId? id).Should().Be(isSnapshot);
        if (isSnapshot) (id!.Value.FileName, id.Value.Prefix).Should().Be((name, "ba7816bf"));
    }
}
