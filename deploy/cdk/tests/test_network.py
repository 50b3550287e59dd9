from __future__ import annotations

OPEN = "0.0.0.0/0"


def ingress(templates):
    """Return who may come in where: (to, from, port), by what groups are for."""
    groups = {
        name: each["Properties"]["GroupDescription"].removeprefix("Shop: ")
        for name, each in templates.of["network"]["Resources"].items()
        if each["Type"] == "AWS::EC2::SecurityGroup"
    }

    def of(value):
        return groups[value["Fn::GetAtt"][0]]

    for name, group in templates.of["network"]["Resources"].items():
        if name in groups:
            for rule in group["Properties"].get("SecurityGroupIngress", []):
                yield groups[name], rule["CidrIp"], rule["FromPort"]
        elif group["Type"] == "AWS::EC2::SecurityGroupIngress":
            rule = group["Properties"]
            yield of(rule["GroupId"]), of(rule["SourceSecurityGroupId"]), rule["FromPort"]


def test_who_may_speak_to_whom(templates):
    balancer, served = "the load balancer", "web and streams"
    workers = "workers, relay, scheduler, migrations"

    expected = {
        (balancer, OPEN, 80),
        (balancer, OPEN, 443),
        ("the static addresses", OPEN, 443),
        (served, balancer, 8000),
        ("PostgreSQL", served, 5432),
        ("PostgreSQL", workers, 5432),
        ("PostgreSQL", "who changes passwords", 5432),
    }
    assert set(ingress(templates)) == expected


def test_dev_pays_for_no_way_out(dev):
    assert dev.resources("AWS::EC2::NatGateway") == {}
    for service in dev.properties("AWS::ECS::Service"):
        network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "ENABLED"


def test_tasks_of_production_have_no_address_of_their_own(prod):
    for service in prod.properties("AWS::ECS::Service"):
        network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "DISABLED"
        assert all(
            "privateSubnet" in subnet["Fn::GetStackOutput"]["OutputName"]
            for subnet in network["Subnets"]
        )


def test_s3_is_reached_without_nat(templates):
    kinds = [each["VpcEndpointType"] for each in templates.properties("AWS::EC2::VPCEndpoint")]

    assert kinds == ["Gateway"]


def test_plain_http_is_only_sent_on(templates):
    listeners = {
        each["Port"]: each
        for each in templates.properties("AWS::ElasticLoadBalancingV2::Listener")
        if each["Protocol"] in {"HTTP", "HTTPS"}
    }

    assert listeners.keys() == {80, 443}
    assert listeners[80]["DefaultActions"][0]["RedirectConfig"]["StatusCode"] == "HTTP_301"
    assert listeners[443]["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] == "404"
    assert "TLS13" in listeners[443]["SslPolicy"]


def test_partners_find_production_at_an_address_per_zone(prod):
    assert len(prod.resources("AWS::EC2::EIP")) >= prod.environment.zones
    [service] = prod.properties("AWS::EC2::VPCEndpointService")
    assert service["AcceptanceRequired"] is True
    [group] = [
        each
        for each in prod.properties("AWS::ElasticLoadBalancingV2::TargetGroup")
        if each.get("TargetType") == "alb"
    ]
    assert group["Protocol"] == "TCP"


def test_the_firewall_counts_by_address_before_all_else(prod):
    [acl] = prod.properties("AWS::WAFv2::WebACL")
    rules = sorted(acl["Rules"], key=lambda rule: rule["Priority"])

    assert rules[0]["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert [rule["Name"] for rule in rules[1:]] == [
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesSQLiRuleSet",
    ]


def test_everything_that_can_be_tagged_says_who_pays(templates):
    for key, resource in templates.resources().items():
        tags = resource.get("Properties", {}).get("Tags")
        if isinstance(tags, list) and tags and "Key" in tags[0]:
            names = {tag["Key"] for tag in tags}
            assert names >= {"team", "cost", "module", "environment"}, key


def test_costs_of_queues_and_workers_are_told_by_module(prod, registry):
    def modules(kind):
        return {
            tag["Value"]
            for properties in prod.properties(kind)
            for tag in properties["Tags"]
            if tag["Key"] == "module"
        }

    assert modules("AWS::SQS::Queue") >= {*registry.modules}
    assert modules("AWS::ECS::Service") == {*registry.modules, "bus", "shared"}
